// Names of the v3.6 API that stand for something this library does without, so that programs which mention them go on
// to compile: tracing for a TLA+ model, and the kinds of campaign.

package raft

// StateTraceDeployed reports whether this build writes traces of its state. It never does.
//
// Compat: the lineage has a build tag under which it does; this library checks itself by other means
// (docs/CHECKING.md), and has no such tag.
const StateTraceDeployed = false

// TraceLogger is the type of Config.TraceLogger. Any value is one, and none is ever called.
//
// Compat: outside of tracing builds the lineage's has no methods either.
type TraceLogger any

// TracingEvent is what a TraceLogger would be given. It is empty and never made.
//
// Compat: as TraceLogger.
type TracingEvent struct{}

// CampaignType is the type of a campaign's name. No function of this package takes or returns one.
//
// Compat: the lineage exports the type and none of its values.
type CampaignType string
