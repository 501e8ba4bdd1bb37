package disclosure

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"garrigue/internal/geo"
	"garrigue/internal/observation"
)

// TestTwinsBook plays the clusters of the book, in whatever order their members come.
func TestTwinsBook(t *testing.T) {
	b := readBook(t)
	p := settled(t, SINP(), geo.Cell5, b.mean)
	for from := 0; from < len(b.twins); {
		to := from
		var members []Member
		var want []string
		for to < len(b.twins) && b.twins[to][0] == b.twins[from][0] {
			c := b.twins[to]
			o := b.classed(t, c[2:], b.spread(&p))
			o.ID = int64(to)
			members = append(members, Member{Slot: int64(number(t, c[1])), Observation: *o})
			want = append(want, c[10])
			to++
		}
		for range 6 {
			show := make([]bool, len(members))
			Twins(members, &p, b.world, Public, show)
			for i := range members {
				got, ok := Publish(&members[i].Observation, &p, b.world, Public)
				switch ok = ok && show[i]; {
				case !ok && want[i] != "rien":
					t.Errorf("group %s, line %d: not shown, want %s", b.twins[from][0], members[i].ID, want[i])
				case ok && want[i] == "rien":
					t.Errorf("group %s, line %d: shown at %v", b.twins[from][0], members[i].ID, got.Area)
				case ok && got.Area != b.area(t, want[i]):
					t.Errorf("group %s, line %d: shown at %v, want %s", b.twins[from][0], members[i].ID, got.Area, want[i])
				}
			}
			rand.Shuffle(len(members), func(i, j int) {
				members[i], members[j] = members[j], members[i]
				want[i], want[j] = want[j], want[i]
			})
		}
		from = to
	}
	if n := strings.Count(b.twins[len(b.twins)-1][0], "1"); n == 0 {
		t.Error("the last group was lost")
	}
}

// TestTwinsNeverFiner: nothing of a cluster is shown finer than any of its members that
// something restrains would be, and never two of a slot.
func TestTwinsNeverFiner(t *testing.T) {
	w := newLand(t)
	all := policies(t, w.means)
	shown, hidden := 0, 0
	many(t, func(t *rapid.T) {
		p := rapid.SampledFrom(all).Draw(t, "policy")
		members := make([]Member, rapid.IntRange(2, 4).Draw(t, "members"))
		for i := range members {
			o := drawObservation(t, w)
			o.ID = int64(i)
			o.Validation = observation.Validation(rapid.SampledFrom([]int{0, 0, 0, 4}).Draw(t, "validation"))
			if rapid.IntRange(0, 9).Draw(t, "refused") == 0 {
				o.Consent = "4"
			}
			members[i] = Member{Slot: int64(rapid.IntRange(1, 2).Draw(t, "slot")), Observation: *o}
		}
		show := make([]bool, len(members))
		Twins(members, &p, w, Public, show)
		slots := map[int64]bool{}
		for i, m := range members {
			if !show[i] {
				hidden++
				continue
			}
			shown++
			got, ok := Publish(&m.Observation, &p, w, Public)
			if !ok || slots[m.Slot] {
				t.Fatalf("member %d: published %v, slot shown twice %v", i, ok, slots[m.Slot])
			}
			slots[m.Slot] = true
			for _, other := range members {
				o := other.Observation
				wish, choice := consentLevels(&o)
				if max(o.Sensitivity, o.StatedLevel, wish, choice) == 0 {
					continue
				}
				o.Validation = observation.Awaiting
				its, ok := Publish(&o, &p, w, Public)
				if !ok {
					t.Fatalf("member %d is shown beside one that may not be", i)
				}
				if surfaceOf(got.Area.Kind(), w.means) < surfaceOf(its.Area.Kind(), w.means) {
					t.Fatalf("member %d is shown at %v, another must be at %v", i, got.Area, its.Area)
				}
			}
		}
	})
	if shown == 0 || hidden == 0 {
		t.Errorf("%d shown, %d hidden", shown, hidden)
	}
}
