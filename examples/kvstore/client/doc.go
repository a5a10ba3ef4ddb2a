// Package client is the Go client of the HTTP API of kvstore, which API.md describes.
//
//	c, err := client.New(client.Options{Endpoints: []string{"http://127.0.0.1:8401", "http://127.0.0.1:8402"}})
//	...
//	put, err := c.Put(ctx, "greeting", []byte("hello"))
//	value, err := c.Get(ctx, "greeting")
//	_, err = c.Put(ctx, "greeting", []byte("hi"), client.IfRevision(value.Rev))
//
// # Members and failures
//
// Every member serves every request, so a client needs the address of one that lives. It keeps to one endpoint, and goes
// on with the next when that cannot be reached, does not answer in time, or says that it cannot serve. While others are
// left it is given 1.5 seconds at first, since a member that is cut off would keep the request. Changes of the cluster go to
// the leader, which the client finds by asking all members, and so does the question who the members are. With
// Options.Discover it learns the other members from the cluster and sends its requests to the leader, which saves a
// hop.
//
// Each write carries an Idempotency-Key that the client draws from crypto/rand, and every repetition carries the same one:
// a write that succeeded was applied exactly once, however often it was sent. The cluster remembers the newest
// 100,000 keys, so this holds as long as fewer writes than that come between two attempts of the same call. Values that
// a transaction has read are not remembered: if its first answer was lost, they are missing in the later one, see [ErrOmitted].
// A write that failed may have been applied or may be applied later, unless its error says otherwise: see
// [ErrUnknownOutcome]. Changes of the cluster carry no such key; they are sent again only if they surely did nothing.
//
// # Errors
//
// What a member answers other than success becomes an [*Error], and errors.Is tells its kind: [ErrNotFound],
// [ErrPrecondition], [ErrBusy] and so on.
//
// A Client may be used by many goroutines at the same time; it keeps enough idle connections for that.
package client
