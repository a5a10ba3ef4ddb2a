// Package proxy stands between the members of a cluster on one machine and breaks their network as it is told to.
//
// It is an HTTP CONNECT proxy on the loopback interface. A member that is started with its address dials every other
// member through it, and names itself in the user part of the proxy's URL; whom it wants is known by the address. So
// each byte that one member sends to another has a pair (from, to), and each pair has a [Rule]:
//
//	p, err := proxy.Listen("127.0.0.1:0")
//	p.Register(1, "127.0.0.1:8401")
//	p.Register(2, "127.0.0.1:8402")
//	p.URL(1)                                                 // http://1@127.0.0.1:PORT, for member 1
//	p.Set(1, 2, proxy.Rule{Mode: proxy.Hold})                // what 1 sends no longer arrives at 2
//	p.Isolate(1, proxy.Rule{Mode: proxy.Cut})                // nothing between 1 and any other
//	p.Heal(1)
//
// A rule governs the bytes that flow from one member to the other, whichever of the two has dialled the connection. It
// takes effect on connections that exist as well as on new ones. Nothing is ever lost, doubled or reordered within a
// connection: like TCP, a connection delivers a prefix of what was sent, and then stalls or ends.
//
// The proxy connects registered members to registered members and does nothing else. What it holds of one connection is
// bounded: 512 KiB each way. It is a tool for tests and demonstrations, without authentication: it listens on loopback
// addresses only.
package proxy
