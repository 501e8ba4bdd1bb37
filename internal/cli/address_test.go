package cli

import "testing"

// TestWithoutPassword: whatever the address looks like, what is shown has no password.
func TestWithoutPassword(t *testing.T) {
	for address, want := range map[string]string{
		"/srv/atlas/vault.sqlite":                                "/srv/atlas/vault.sqlite",
		"postgres://u@h/db":                                      "postgres://u@h/db",
		"postgres://u:SECRET@h:5432/db?sslmode=disable":          "postgres://u@h:5432/db?sslmode=disable",
		"postgresql://h/db?user=u&password=SECRET":               "postgresql://h/db?user=u",
		"postgres://u:SECRET@un:5432,deux:5433/db":               "postgres://u@un:5432,deux:5433/db",
		"postgres://u:SECRET@[::1]:5432,[::2]:5433/db?x=1":       "postgres://u@[::1]:5432,[::2]:5433/db",
		"postgres://u:SE/CR?ET@[::1]:5432,h/db?password=SECRET2": "postgres://u@[::1]:5432,h/db",
		"postgres://[::1]:5432,h/db?password=SECRET":             "postgres://[::1]:5432,h/db",
	} {
		if got := withoutPassword(address); got != want {
			t.Errorf("%s: %s", want, got)
		}
	}
}
