package main

import (
	"fmt"
	"sort"
	"time"
)

func realms() {
	var ts [3][]float64
	for i := 0; i < *reps; i++ {
		n := fmt.Sprintf("bench-r%04d", i)
		t := adminToken()
		api(t, "DELETE", "/admin/realms/"+n, nil)
		for j, f := range []func() int{
			func() int { c, _, _ := api(t, "POST", "/admin/realms", M{"realm": n, "enabled": true}); return c },
			func() int { c, _, _ := api(adminTok2(&t), "GET", "/admin/realms/"+n, nil); return c },
			func() int { c, _, _ := api(t, "DELETE", "/admin/realms/"+n, nil); return c }} {
			s := time.Now()
			if c := f(); c/100 != 2 {
				die("realm step %d: %d", j, c)
			}
			ts[j] = append(ts[j], time.Since(s).Seconds()*1000)
		}
	}
	for j, n := range []string{"create", "get(+login)", "delete"} {
		sort.Float64s(ts[j])
		fmt.Printf("realm %s ms: min %.0f median %.0f max %.0f (n=%d)\n", n, ts[j][0], ts[j][len(ts[j])/2], ts[j][len(ts[j])-1], len(ts[j]))
	}
}
func adminTok2(t *string) string { *t = adminToken(); return *t }
