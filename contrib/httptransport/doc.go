// Package httptransport connects the hosts of package replica, each in a process of its own, over HTTP/2: it is a
// replica.Transport. It uses the standard library only, and shares the port of the application's own HTTP server.
//
//	transport, err := httptransport.New(httptransport.Options{ID: 1, ClusterID: "orders", TLS: tlsConfig})
//	...
//	mux.Handle(httptransport.Prefix, transport.Handler())
//	server := &http.Server{Addr: ":8401", Handler: mux, TLSConfig: tlsConfig}
//	httptransport.ConfigureServer(server, logger)
//	go server.ListenAndServeTLS("", "")
//	member, err := replica.Run(replica.HostConfig{ID: 1, Transport: transport, ...}, replica.Config{...})
//
// Addresses of members are URLs: https://a.example:8401, or http://127.0.0.1:8401 if Options.TLS is nil. The host starts and
// closes the transport. Stop the host before http.Server.Shutdown, which waits for streams to end.
//
// # Messages
//
// Each host keeps one stream to each of the others: the body of a POST request that does not end. Send encodes messages into
// what waits for the peer and returns. What has accumulated while a frame was written is the next frame, so that an idle peer is
// written to at once and a busy one in large frames; there is no timer. A frame is complete at 1 MiB, or holds one larger message.
//
// Messages of a host to another arrive in the order in which they were sent, except that heartbeats and votes go before what
// else waits: they wait for at most the frame that is being written, and what the connection's buffers hold. They must not be late,
// and Raft does not mind.
//
// At most MaxQueueBytes wait for a peer, further messages are dropped with ErrQueueFull. Heartbeats and votes have 4 MiB of
// their own. While a peer is not connected the newest 1 MiB is kept. Messages that may have been lost are reported to
// Handler.HandleUnreachable, at most once a second for each peer.
//
// Each stream is probed by pings, which the receiver answers on the stream, and each connection by those of HTTP/2. A peer that does
// not answer within StreamIdle, longer if much was sent before the ping, is connected to anew, after a delay that doubles up to
// BackoffMax. A new address is tried at once.
//
// # Snapshots
//
// A snapshot is sent in chunks, on a connection of its own, so that it does not delay messages. The receiver is asked first how much it
// has; each chunk is acknowledged with the offset to go on from. After a failure the receiver is asked again, and the
// snapshot goes on from there, also if the receiver has been restarted and kept a part. One chunk is in memory, on either side;
// it is sent again from memory. A snapshot that makes no progress for SnapshotTimeout ends with ErrNoProgress, one that the receiver
// refuses with a *RefusedError. While Handler's sink finishes, which may take as long as it takes, the receiver tells the sender
// every Keepalive that it is still at it. A sink whose sender has gone silent for SnapshotTimeout is closed.
//
// # Security
//
// With Options.TLS, who connects must have shown a certificate that the server verified, and Options.Authorize must accept it for the
// host that the request claims to be of. The same holds for the server that is connected to, whose certificate must besides be
// valid for the address, as ever. By default the certificate of host 7 of cluster orders is one with the URI
// raft://orders/7 among its alternative names; MemberURI makes it. TLSFiles makes a tls.Config for both sides that loads
// certificates again when the files have changed; with another configuration, GetCertificate and GetClientCertificate serve for that.
//
// Without Options.TLS everybody who reaches the port is believed to be the host that they claim to be. That is for loopback, and for
// networks that are protected otherwise.
//
// Whatever a peer sends, it can neither crash the process nor fill its memory:
//   - Nothing of a request's body is read before the sender is let in. Requests of another cluster, for another host or with another
//     version are refused.
//   - Frames are bounded by MaxFrameBytes, chunks by MaxSnapshotChunk, headers of snapshots by 1 MiB. The buffer of a frame grows with
//     what has arrived, not with what was announced.
//   - Frames and chunks bear checksums. What is malformed ends the stream, with the reason told to the sender, logged once in ten minutes
//     and counted.
//   - Messages are checked before they are decoded: decoding allocates in proportion to what has arrived. At most 1024 are decoded
//     before they are delivered.
//   - Messages of types that stay within a host are refused, as are those for another host, and those of another, except for
//     requests that members pass on for others to the leader. They are counted and dropped.
//   - There is one stream for each sender; a new one replaces that before. There are at most MaxStreams streams, MaxSnapshots
//     sinks, twice as many chunks at a time, and one sink for a group and sender.
//   - A frame must begin within StreamIdle and proceed with 64 KiB a second. What takes longer is ended.
//
// A sender that is authorised and hostile can take MaxFrameBytes for its stream, and up to seven times that while a message of very many
// small entries is decoded. The number of connections and the memory of HTTP/2's flow control (4 MiB for each connection after
// ConfigureServer) are the application's server to bound.
//
// # Wire format, version 1
//
// All requests are POST, below Prefix, over HTTP/2, with the headers Raft-Version: 1, Raft-Cluster, Raft-From and Raft-To (hosts,
// decimal). Errors are JSON: error, final, offset.
//
//	v1/stream             the body is frames, the answer is frames; 200 is sent before the body is read
//	v1/snapshot           begin: JSON with group, stream, message (a raftpb.Message, base64) and attempt -> token, offset
//	v1/snapshot/chunk     headers Raft-Snapshot: token, Raft-Offset, Raft-Checksum: CRC-32C in hexadecimal -> offset; 409 with offset
//	v1/snapshot/finish    headers Raft-Snapshot: token, Raft-Offset: size -> empty lines, then JSON, error being empty or the reason
//	v1/snapshot/abandon   header Raft-Snapshot: token
//
//	frame      checksum (4 bytes, CRC-32C of what follows), length of the body (4 bytes), both little endian, kind (1 byte), body
//	kinds      1 messages, 2 ping (8 bytes); in answers 3 pong (the 8 bytes), 4 end (why, as text)
//	messages   records one after the other, numbers are unsigned varints:
//	           0, group, length, raftpb.Message
//	           tag, [group], [term], [commit], [length of the context, context]
//
// The second form is for heartbeats (bit 0 of the tag) and their responses (bit 1). Bit 2: the term is that of the heartbeat before in
// the frame, at first 0. Bit 3: the group is the one after. Bit 4: a commit index follows. Bit 5: a context follows.
//
// A heartbeat of a group whose number follows that of the one before takes 1 byte, and what its commit index takes, and its context
// and one: 2 bytes for a commit index below 128, 13 with a context of 8 bytes and a commit index of three. As a raftpb.Message, it
// would take 18 at least, and its group's number.
package httptransport
