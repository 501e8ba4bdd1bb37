package source

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dghubble/oauth1"
)

// oauthSigner signs requests by OAuth 1 (RFC 5849) with a client's key and secret and without
// a token, which VisioNature has not: the parameter itself is left out, as its known client does.
type oauthSigner struct {
	key, secret string
	now         func() time.Time
}

// sign puts the header on a request: a new time and nonce each try.
func (o oauthSigner) sign(r *http.Request) error {
	params := [][2]string{{"oauth_consumer_key", o.key}, {"oauth_nonce", rand.Text()}, {"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", strconv.FormatInt(o.now().Unix(), 10)}, {"oauth_version", "1.0"}}
	base := signatureBase(r.Method, r.URL, params)
	signature, err := (&oauth1.HMACSigner{ConsumerSecret: o.secret}).Sign("", base)
	if err != nil {
		return err
	}
	var pairs []string
	for _, p := range append(params, [2]string{"oauth_signature", signature}) {
		pairs = append(pairs, p[0]+`="`+oauth1.PercentEncode(p[1])+`"`)
	}
	r.Header.Set("Authorization", "OAuth "+strings.Join(pairs, ", "))
	return nil
}

// signatureBase is the text that is signed (RFC 5849, 3.4.1): the method, the address without
// its query, and every parameter of the query and of the header, sorted.
func signatureBase(method string, u *url.URL, oauth [][2]string) string {
	var pairs []string
	for name, values := range u.Query() {
		for _, v := range values {
			pairs = append(pairs, oauth1.PercentEncode(name)+"="+oauth1.PercentEncode(v))
		}
	}
	for _, p := range oauth {
		pairs = append(pairs, oauth1.PercentEncode(p[0])+"="+oauth1.PercentEncode(p[1]))
	}
	slices.Sort(pairs)
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else {
		host = strings.TrimSuffix(host, ":443")
	}
	address := strings.ToLower(u.Scheme) + "://" + host + u.EscapedPath()
	return strings.ToUpper(method) + "&" + oauth1.PercentEncode(address) + "&" + oauth1.PercentEncode(strings.Join(pairs, "&"))
}
