// Package dashboard is the page that every member of kvstore shows at its root: the members and how they replicate, who
// led when, throughput and latency, the keys, and live events. In the demo it has the controls that break the cluster.
//
//	mux.Handle("GET /{$}", dashboard.Handler())
//
// It is one page without a build step and without anything from elsewhere, put together from the files in page/ when the
// handler is made. The page asks every member for GET /cluster once a second, and so sees for itself who answers; keys
// and events it takes from one of them, first that which has sent the page, and then any other that answers. API.md is
// all that it knows of a member.
//
// The list of keys follows the changes. Values come with those, or are read once; as they change, the list asks for keys alone.
//
// Keys, values and texts of other members are hostile input. They reach the document as text only, and the page's
// Content-Security-Policy admits no script and no style but the page's own, by their hashes, and no assignment of
// markup from script at all.
//
// The tests drive the page in a headless Chromium and are skipped where none is found, unless KVSTORE_BROWSER=required.
// With KVSTORE_SHOTS=DIR they leave pictures of the page in that directory.
package dashboard
