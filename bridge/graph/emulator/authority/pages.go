package authority

const pageHead markup = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
fieldset { border: 1px solid #767676; padding: 1rem; margin: 0 0 1rem }
input[type=text] { font: inherit; letter-spacing: .15em; padding: .4rem; text-transform: uppercase }
button { font: inherit; padding: .5rem 1.2rem; margin: 0 .5rem .5rem 0 }
[role=alert] { border-left: .4rem solid #a4262c; padding: .5rem 1rem; background: #fdf3f4; overflow-wrap: anywhere }
label { display: block; padding: .2rem 0 }
</style>
`

const pageFoot markup = `<p><small>This is an emulator. Nobody asks for a password, and no Microsoft account is involved.</small></p>
</main>
</body>
</html>
`

// framed puts a page's own part between what all pages for a person share.
func framed(d pageData, body markup) markup {
	return pageHead + `<title>` + text(d.Title) + ` – emulated sign-in</title>
</head>
<body>
<main>
<h1>` + text(d.Title) + `</h1>
` + when(d.Fault != "", `<p role="alert">`+text(d.Fault)+`</p>
`) + body + pageFoot
}

// enterPage asks for the user code of the device flow.
func enterPage(d pageData) markup {
	return framed(d, `<form method="get" action="/devicelogin">
<label for="code">The code that the device shows</label>
<p><input type="text" id="code" name="code" required autofocus autocomplete="off" autocapitalize="characters" spellcheck="false"></p>
<button type="submit">Next</button>
</form>
`)
}

// choosePage asks for the account, and whether to approve.
func choosePage(d pageData) markup {
	code := `<input type="hidden" name="code" value="` + text(d.Code) + `"><p>Approve only if the device shows the code <strong>` + text(d.Code) + `</strong>.</p>
`
	return framed(d, `<p>`+text(d.App)+` asks for:</p>
<ul>`+each(d.Scopes, func(_ int, scope string) markup { return `<li>` + text(scope) + `</li>` })+`</ul>
<form method="post">
`+when(d.Code != "", code)+`<fieldset>
<legend>Choose an account</legend>
`+each(d.Accounts, accountChoice)+`</fieldset>
<button type="submit" name="decision" value="approve">Approve</button>
<button type="submit" name="decision" value="decline">Decline</button>
</form>
`)
}

// accountChoice is one account to choose; the first is chosen from the start.
func accountChoice(i int, a Account) markup {
	var kind markup = "work"
	if a.Personal() {
		kind = "personal"
	}
	return `<label><input type="radio" name="account" value="` + text(a.Username) + `"` + when(i == 0, " checked") + `> ` + text(a.Username) + ` (` + kind + `)</label>
`
}

// messagePage says how it went.
func messagePage(d pageData) markup {
	return framed(d, when(d.Text != "", `<p>`+text(d.Text)+`</p>
`))
}

// postPage sends the answer on to the app: the one page nobody has to read.
func postPage(d pageData) markup {
	return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Back to the app</title></head>
<body>
<form method="post" action="` + text(d.Action) + `" id="answer">
` + each(d.Fields, func(_ int, f field) markup {
		return `<input type="hidden" name="` + text(f.Name) + `" value="` + text(f.Value) + `">
`
	}) + `<button type="submit">Continue</button>
</form>
<script nonce="` + text(d.Nonce) + `">document.getElementById("answer").submit()</script>
</body>
</html>
`
}
