// Package sourcetest has servers that behave as those of producers, for tests: a VisioNature
// site that checks OAuth signatures for real, pages by keys that expire, and tells changes ten
// weeks back; the export module of a GeoNature.
package sourcetest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OAuth 1 signs so
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// VisioNature is a site. Set its fields before it serves; change observations by Put and
// Delete at any time.
type VisioNature struct {
	Key, Secret, User, Password string
	Access                      map[string]string // group: full, limited, none
	PageSize                    int               // sightings a page
	Now                         func() time.Time
	// Trouble, when not nil, sees each request first, with its number from 1; it answers itself and
	// returns true, or lets the site answer.
	Trouble func(n int, w http.ResponseWriter, r *http.Request) bool
	// SameKey makes every page give the key it was asked with: a site that never ends.
	SameKey bool

	mu       sync.Mutex
	requests []string
	nonces   map[string]bool
	keys     map[string]int // of pages: where they begin
	next     int
	obs      map[string][]*VisioObs // by group
}

// VisioObs is one observation of the site.
type VisioObs struct {
	ID, Group string
	Form      string // "" outside a form
	Lat, Lon  float64
	Day       time.Time
	Count     int
	Hidden    bool // from lists: given one by one only
	changed   time.Time
	deleted   bool
}

// Put adds or changes an observation, at the site's time.
func (s *VisioNature) Put(o VisioObs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.obs == nil {
		s.obs = map[string][]*VisioObs{}
	}
	o.changed = s.Now()
	for i, was := range s.obs[o.Group] {
		if was.ID == o.ID {
			s.obs[o.Group][i] = &o
			return
		}
	}
	s.obs[o.Group] = append(s.obs[o.Group], &o)
}

// Delete removes an observation.
func (s *VisioNature) Delete(group, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.obs[group] {
		if o.ID == id {
			o.deleted, o.changed = true, s.Now()
		}
	}
}

// Expire makes every key of a page given so far unknown.
func (s *VisioNature) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}

// Requests returns the paths asked for so far, with the parameters that tell what.
func (s *VisioNature) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Forget empties the list of requests.
func (s *VisioNature) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// ServeHTTP answers one request.
func (s *VisioNature) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	q := r.URL.Query()
	s.mu.Lock()
	s.requests = append(s.requests, strings.TrimPrefix(r.URL.Path, "/api/")+" "+q.Get("id_taxo_group")+q.Get("id_sightings_list"))
	n := len(s.requests)
	s.mu.Unlock()
	if s.Trouble != nil && s.Trouble(n, w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	if problem := s.unsigned(r); problem != "" {
		w.Header().Set("WWW-Authenticate", `OAuth realm="", oauth_problem="`+problem+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if q.Get("user_email") != s.User || q.Get("user_pw") != s.Password {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"wrong user_email or user_pw"}`)
		return
	}
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/api"), "/")
	switch id, one := strings.CutPrefix(path, "observations/"); {
	case path == "taxo_groups":
		s.groups(w)
	case path == "observations":
		s.list(w, q, nil)
	case path == "observations/diff":
		s.diff(w, q)
	case path == "observations/search" && r.Method == http.MethodPost:
		s.search(w, q, body)
	case one:
		s.one(w, id)
	default:
		http.NotFound(w, r)
	}
}

// unsigned returns what is wrong with the signature of a request, "" when it is right.
func (s *VisioNature) unsigned(r *http.Request) string {
	header, ok := strings.CutPrefix(r.Header.Get("Authorization"), "OAuth ")
	if !ok {
		return "parameter_absent"
	}
	given := url.Values{}
	for pair := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		v, err := url.PathUnescape(strings.Trim(value, `"`))
		if err != nil {
			return "parameter_rejected"
		}
		given.Set(name, v)
	}
	if given.Get("oauth_consumer_key") != s.Key {
		return "consumer_key_unknown"
	}
	at, err := strconv.ParseInt(given.Get("oauth_timestamp"), 10, 64)
	if err != nil || s.Now().Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return "timestamp_refused"
	}
	if nonce := given.Get("oauth_nonce"); nonce == "" || s.nonces[nonce] {
		return "nonce_used"
	} else if s.nonces == nil {
		s.nonces = map[string]bool{nonce: true}
	} else {
		s.nonces[nonce] = true
	}
	signature := given.Get("oauth_signature")
	given.Del("oauth_signature")
	var pairs []string
	for _, values := range []url.Values{given, r.URL.Query()} {
		for name, list := range values {
			for _, v := range list {
				pairs = append(pairs, escape(name)+"="+escape(v))
			}
		}
	}
	slices.Sort(pairs)
	base := r.Method + "&" + escape("http://"+r.Host+r.URL.EscapedPath()) + "&" + escape(strings.Join(pairs, "&"))
	mac := hmac.New(sha1.New, []byte(escape(s.Secret)+"&"))
	mac.Write([]byte(base))
	if base64.StdEncoding.EncodeToString(mac.Sum(nil)) != signature {
		return "signature_invalid"
	}
	return ""
}

// escape is the percent encoding of RFC 5849, 3.6.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func (s *VisioNature) groups(w io.Writer) {
	var data []map[string]string
	for id, access := range s.Access {
		data = append(data, map[string]string{"id": id, "name": "Groupe " + id, "latin_name": "", "name_constant": "TAXO_GROUP_" + id, "access_mode": access})
	}
	slices.SortFunc(data, func(a, b map[string]string) int { return strings.Compare(a["id"], b["id"]) })
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

// list answers with the observations of a group, or those of a list, page by page.
func (s *VisioNature) list(w http.ResponseWriter, q url.Values, keep func(*VisioObs) bool) {
	group := q.Get("id_taxo_group")
	if s.Access[group] == "" || s.Access[group] == "none" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	wanted := strings.Split(q.Get("id_sightings_list"), ",")
	var out []*VisioObs
	for _, o := range s.obs[group] {
		if o.deleted || o.Hidden || q.Get("id_sightings_list") != "" && !slices.Contains(wanted, o.ID) || keep != nil && !keep(o) {
			continue
		}
		out = append(out, o)
	}
	from := 0
	if key := q.Get("pagination_key"); key != "" {
		var known bool
		if from, known = s.keys[key]; !known {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"unknown or expired pagination_key"}`)
			return
		}
		if s.SameKey {
			w.Header().Set("pagination_key", key)
		}
	}
	size := s.PageSize
	if size == 0 {
		size = 1 << 30
	}
	if from+size < len(out) && w.Header().Get("pagination_key") == "" {
		if s.keys == nil {
			s.keys = map[string]int{}
		}
		s.next++
		key := fmt.Sprintf("key+/%d=", s.next) // to be escaped
		s.keys[key] = from + size
		w.Header().Set("pagination_key", key)
	}
	s.write(w, out[min(from, len(out)):min(from+size, len(out))])
}

// write gives observations as the API does, those of forms in their forms.
func (s *VisioNature) write(w io.Writer, list []*VisioObs) {
	if len(list) == 0 {
		fmt.Fprint(w, `{"data":[]}`) // as PHP writes no data
		return
	}
	sightings, forms := []any{}, []map[string]any{}
	for _, o := range list {
		sighting := o.json()
		if o.Form == "" {
			sightings = append(sightings, sighting)
			continue
		}
		i := slices.IndexFunc(forms, func(f map[string]any) bool { return f["@id"] == o.Form })
		if i < 0 {
			i = len(forms)
			forms = append(forms, map[string]any{"@id": o.Form, "id_form_universal": "28_" + o.Form, "time_start": "08:00:00", "time_stop": "09:30:00", "full_form": "1", "sightings": []any{}})
		}
		forms[i]["sightings"] = append(forms[i]["sightings"].([]any), sighting)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"sightings": sightings, "forms": forms}})
}

func (o *VisioObs) json() map[string]any {
	day := o.Day.Format(time.DateOnly)
	date := map[string]string{"@timestamp": strconv.FormatInt(o.Day.Unix(), 10), "@notime": "1", "@offset": "7200", "@ISO8601": day + "T00:00:00+02:00"}
	return map[string]any{"date": date,
		"species": map[string]string{"@id": "354", "taxonomy": o.Group, "name": "Hirondelle de fenêtre", "latin_name": "Delichon urbicum"},
		"place":   map[string]string{"@id": "1", "name": "Le Mas", "insee": "34002", "coord_lat": "43.55", "coord_lon": "3.15", "place_type": "place"},
		"observers": []any{map[string]any{"@id": "12", "@uid": "34", "name": "Nom Prénom", "anonymous": "0", "id_sighting": o.ID, "id_universal": "28_" + o.ID,
			"timing": date, "coord_lat": strconv.FormatFloat(o.Lat, 'f', -1, 64), "coord_lon": strconv.FormatFloat(o.Lon, 'f', -1, 64),
			"precision": "precise", "count": strconv.Itoa(o.Count), "estimation_code": "EXACT_VALUE", "hidden_comment": "secret", "source": "WEB"}}}
}

func (s *VisioNature) one(w http.ResponseWriter, id string) {
	for _, list := range s.obs {
		for _, o := range list {
			if o.ID == id && !o.deleted {
				s.write(w, []*VisioObs{o})
				return
			}
		}
	}
	w.WriteHeader(http.StatusNotFound)
}

// diff tells the changes of a group since a moment, in the hours of France.
func (s *VisioNature) diff(w http.ResponseWriter, q url.Values) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	since, err := time.ParseInLocation("15:04:05 02.01.2006", q.Get("date"), paris)
	if err != nil || q.Get("modification_type") != "all" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"wrong date"}`)
		return
	}
	if s.Now().Sub(since) > 10*7*24*time.Hour {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"date must not be older than 10 weeks"}`)
		return
	}
	out := []map[string]string{}
	for _, o := range s.obs[q.Get("id_taxo_group")] {
		if o.changed.Before(since) {
			continue
		}
		kind := "updated"
		if o.deleted {
			kind = "deleted"
		}
		out = append(out, map[string]string{"id_sighting": o.ID, "id_universal": "28_" + o.ID, "modification_type": kind})
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *VisioNature) search(w http.ResponseWriter, q url.Values, body []byte) {
	var b struct {
		From  string `json:"date_from"`
		To    string `json:"date_to"`
		Group string `json:"taxonomic_group"`
	}
	from, err := time.Time{}, json.Unmarshal(body, &b)
	if err == nil {
		from, err = time.Parse("02.01.2006", b.From)
	}
	to, err2 := time.Parse("02.01.2006", b.To)
	if err != nil || err2 != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	q.Set("id_taxo_group", b.Group)
	s.list(w, q, func(o *VisioObs) bool { return !o.Day.Before(from) && !o.Day.After(to) })
}
