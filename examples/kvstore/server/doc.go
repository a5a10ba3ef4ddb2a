// Package server is one member of a kvstore cluster: a data directory, a Raft member on top of it, and one HTTP server for
// clients, for the other members and for the dashboard. API.md, beside this package, is the contract of what it answers.
//
//	s, err := server.New(server.Options{ID: 1, Listen: "127.0.0.1:8401", Peers: peers, Dir: "data/1", Cluster: "demo"})
//	go func() { failed <- s.Serve() }()  // returns when Shutdown is called, or with an error if the member fails
//	...
//	err = s.Shutdown(ctx)                // hands leadership over, ends streams, finishes requests, closes the disk
//
// # What is promised
//
// A write that is answered with 200 is on the disks of a majority. An answer with the code timeout leaves open whether the
// write happened, and so does a cut connection; every other error says that it did not. Reads are linearizable unless the
// request asks for less. A request means the same on every member: writes reach the leader through the log's own
// transport, changes of the membership by one request from member to member.
//
// What a client can make a member hold in memory is bounded: the number of requests at work, the bytes of their bodies and of what was
// read for their answers, the number of streams and what they have read (limits.go). What exceeds a bound is answered with 429; a
// stream ends. JSON is written piece by piece (json.go), because it may be six times as long as what it is made of.
//
// # Layout
//
// A request passes api.go (limits, time, errors), browser.go (which pages may ask) and auth.go (who may), is found in the table of
// routes.go, and is handled by the file named after its topic: keys.go, list.go, txn.go and result.go, watch.go and feed.go, cluster.go,
// members.go, events.go, health.go, metrics.go. Bodies are received in upload.go and looked through in body.go. server.go puts a member together and takes it apart.
package server
