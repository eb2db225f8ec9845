package main

import "strings"

// nearestName gives the name that a misspelt one most likely means, empty where none
// is near: as many letters may be wrong as a third of what follows the prefix
// that all of them have, or its last words may be missing.
func nearestName(name string, known []string) string {
	own := strings.TrimPrefix(name, ownPrefix)
	found, least := "", max(2, len(own)/3)+1
	for _, k := range known {
		if far := distance(own, strings.TrimPrefix(k, ownPrefix)); far < least {
			found, least = k, far
		}
	}
	if found != "" {
		return found
	}
	for _, k := range known {
		if strings.HasPrefix(k, name+"_") {
			return k
		}
	}
	return ""
}
