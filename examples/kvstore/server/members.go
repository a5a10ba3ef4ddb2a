package server

// The members: who they are, and changes of them (thesis §4).

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/replica"
)

type memberBody struct {
	ID      uint64 `json:"id"`
	URL     string `json:"url"`
	Learner bool   `json:"learner"`
}

type membersAnswer struct {
	Members []memberBody `json:"members"`
}

type leaderBody struct {
	ID uint64 `json:"id"`
}

type leaderResult struct {
	Leader uint64 `json:"leader"`
	Term   uint64 `json:"term"`
}

type snapshotAnswer struct {
	Index uint64 `json:"index"`
}

// maxPromotionLag is how many entries a learner may be behind when it becomes a voter: it would otherwise hold up the quorum.
const maxPromotionLag = 5000

func newMembersAnswer(members []replica.Member) membersAnswer {
	answer := membersAnswer{Members: []memberBody{}}
	for _, m := range members {
		answer.Members = append(answer.Members, memberBody{ID: m.ID, URL: m.Address, Learner: m.Learner})
	}
	return answer
}

func (a *api) handleMembers(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, newMembersAnswer(a.member.Members()))
}

// handleAdd adds a member.
func (a *api) handleAdd(w http.ResponseWriter, r *request) error {
	var body memberBody
	text, release, err := a.readChange(w, r, &body)
	if err != nil {
		return err
	}
	defer release()
	if body.ID == 0 {
		return badRequest(`"id" is missing or 0: give the new member an ID that no other has or had`)
	}
	if err := checkMemberURL(body.URL, a.options.scheme()); err != nil {
		return badRequest("the member's url: %v", err)
	}
	return a.change(w, r, text, func(ctx context.Context) (any, error) {
		if _, err := a.leading(); err != nil {
			return nil, err
		}
		for _, m := range a.member.Members() {
			if m.ID == body.ID || m.Address == body.URL {
				return nil, newError(http.StatusConflict, codeConflict, "member %d, at %s, is there already: choose another ID and URL", m.ID, m.Address)
			}
		}
		err := a.member.AddMember(ctx, replica.Member{ID: body.ID, Address: body.URL, Learner: body.Learner})
		return newMembersAnswer(a.member.Members()), err
	})
}

// handlePromote makes a learner a voter.
func (a *api) handlePromote(w http.ResponseWriter, r *request) error {
	id, text, release, err := a.readMember(w, r)
	if err != nil {
		return err
	}
	defer release()
	return a.change(w, r, text, func(ctx context.Context) (any, error) {
		status, err := a.leading()
		if err != nil {
			return nil, err
		}
		if err := mayPromote(&status, id); err != nil {
			return nil, err
		}
		err = a.member.PromoteMember(ctx, id)
		return newMembersAnswer(a.member.Members()), err
	})
}

// mayPromote says why a member cannot become a voter now.
func mayPromote(status *replica.Status, id uint64) error {
	member, ok := findMember(status.Members, id)
	if !ok {
		return noMember(id)
	}
	if !member.Learner {
		return newError(http.StatusConflict, codeConflict, "member %d is no learner: it votes already", id)
	}
	at := slices.IndexFunc(status.Progress, func(p replica.Progress) bool { return p.ID == id })
	if at < 0 || !status.Progress[at].Active {
		return newError(http.StatusConflict, codeConflict, "member %d is not reached: start it, and promote it when it has caught up", id)
	}
	p := status.Progress[at]
	if lag := status.LastIndex - min(status.LastIndex, p.Match); lag > maxPromotionLag || p.State == "snapshot" {
		return newError(http.StatusConflict, codeConflict,
			"member %d is %d entries behind, and %d are the most: wait until it has caught up", id, lag, maxPromotionLag)
	}
	return nil
}

func findMember(members []replica.Member, id uint64) (replica.Member, bool) {
	at := slices.IndexFunc(members, func(m replica.Member) bool { return m.ID == id })
	if at < 0 {
		return replica.Member{}, false
	}
	return members[at], true
}

func noMember(id uint64) error {
	return newError(http.StatusNotFound, codeNotFound, "there is no member %d: GET /cluster/members lists them", id)
}

// handleRemove removes a member. The leader hands over first, so that the answer comes from one that stays.
func (a *api) handleRemove(w http.ResponseWriter, r *request) error {
	id, text, release, err := a.readMember(w, r)
	if err != nil {
		return err
	}
	defer release()
	return a.change(w, r, text, func(ctx context.Context) (any, error) {
		status, err := a.leading()
		if err != nil {
			return nil, err
		}
		if err := mayRemove(&status, id); err != nil {
			return nil, err
		}
		if id == a.options.ID {
			return nil, a.stepAside(ctx, &status)
		}
		err = a.member.RemoveMember(ctx, id)
		return newMembersAnswer(a.member.Members()), err
	})
}

func mayRemove(status *replica.Status, id uint64) error {
	member, ok := findMember(status.Members, id)
	if !ok {
		return noMember(id)
	}
	voters := 0
	for _, m := range status.Members {
		if !m.Learner {
			voters++
		}
	}
	if !member.Learner && voters == 1 {
		return newError(http.StatusConflict, codeConflict, "member %d is the last one that votes: add another first, or stop it", id)
	}
	return nil
}

// stepAside hands leadership to the voter that has most of the log, and says who is to be asked instead.
func (a *api) stepAside(ctx context.Context, status *replica.Status) error {
	var best replica.Progress
	for _, p := range status.Progress {
		if !p.Learner && p.Active && p.Match >= best.Match {
			best = p
		}
	}
	if best.ID == 0 {
		return newError(http.StatusConflict, codeConflict, "member %d leads, and no other voter is reached that could: start one", a.options.ID)
	}
	if err := a.member.TransferLeadership(ctx, best.ID); err != nil {
		return asNotApplied(err)
	}
	return &replica.NotLeaderError{Leader: best.ID}
}

// asNotApplied is the error of a removal if the transfer before it failed, with whatever outcome.
func asNotApplied(err error) error {
	var elsewhere *replica.NotLeaderError
	if errors.As(err, &elsewhere) {
		return err
	}
	answer := unavailable(codeUnavailable, "the leader could not hand over, which it has to before it is removed: try again")
	answer.cause = err
	return answer
}

// handleTransfer makes a member the leader.
func (a *api) handleTransfer(w http.ResponseWriter, r *request) error {
	var body leaderBody
	text, release, err := a.readChange(w, r, &body)
	if err != nil {
		return err
	}
	defer release()
	if body.ID == 0 {
		return badRequest(`"id" is missing or 0: name the member that is to lead`)
	}
	return a.change(w, r, text, func(ctx context.Context) (any, error) {
		status, err := a.leading()
		if err != nil {
			return nil, err
		}
		if err := mayLead(&status, body.ID); err != nil {
			return nil, err
		}
		if body.ID != a.options.ID {
			err = a.member.TransferLeadership(ctx, body.ID)
		}
		if err != nil {
			return nil, err
		}
		return a.awaitLeader(ctx, body.ID)
	})
}

func mayLead(status *replica.Status, id uint64) error {
	member, ok := findMember(status.Members, id)
	if !ok {
		return newError(http.StatusConflict, codeConflict, "member %d cannot lead: there is no such member", id)
	}
	if member.Learner {
		return newError(http.StatusConflict, codeConflict, "member %d cannot lead: it is a learner, promote it first", id)
	}
	return nil
}

// awaitLeader returns the term in which a member leads, once this one knows.
func (a *api) awaitLeader(ctx context.Context, id uint64) (leaderResult, error) {
	for {
		status := a.member.Status()
		if status.Leader == id {
			return leaderResult{Leader: id, Term: status.Term}, nil
		}
		if status.Leader != 0 {
			return leaderResult{}, newError(http.StatusConflict, codeConflict, "member %d leads instead of %d: try again", status.Leader, id)
		}
		select {
		case <-ctx.Done():
			return leaderResult{}, ctx.Err()
		case <-time.After(leaderPause):
		}
	}
}

// handleCompact compacts this member's log.
func (a *api) handleCompact(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	index, err := a.member.Compact(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, snapshotAnswer{Index: index})
}

// leading returns the status if this member leads, otherwise the error that says who does.
func (a *api) leading() (replica.Status, error) {
	status := a.member.Status()
	if status.Role != raft.StateLeader {
		return status, &replica.NotLeaderError{Leader: status.Leader}
	}
	return status, nil
}

// readChange reads the body of a change, strictly.
func (a *api) readChange(w http.ResponseWriter, r *request, into any) (text []byte, release func(), err error) {
	if _, err := r.query(); err != nil {
		return nil, nil, err
	}
	text, release, err = a.readBody(w, r, maxAdminBody)
	if err != nil {
		return nil, nil, err
	}
	if err := decodeJSON(text, into); err != nil {
		release()
		return nil, nil, err
	}
	return text, release, nil
}

// readMember reads the member's ID from the path, and the body, which says nothing.
func (a *api) readMember(w http.ResponseWriter, r *request) (id uint64, text []byte, release func(), err error) {
	if _, err := r.query(); err != nil {
		return 0, nil, nil, err
	}
	id, err = parseNumber(r.argument)
	if err != nil || id == 0 {
		return 0, nil, nil, badRequest("%q is not the ID of a member: give a number from 1 on", r.argument)
	}
	text, release, err = a.readBody(w, r, maxAdminBody)
	return id, text, release, err
}
