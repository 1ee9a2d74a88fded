import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'

/** Of the library that draws the page: it comes with this package, and in the repository from its own (decision 0060). */
const LIBRARY: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
}

/** Nothing from outside and nothing in frames. The library sets styles in its elements, and has pictures in its stylesheet. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

/** Serves a page of the operations, to read and to try, drawn in the browser from the OpenAPI document beside it. */
export function serveApiPage(app: FastifyInstance, options: { readonly prefix: string; readonly title: string }): void {
  const { prefix, title } = options
  const folder = libraryFolder()
  const serve = (path: string, type: string, text: () => string | Buffer): void => {
    let known: string | Buffer | undefined
    app.get(`${prefix}/docs${path}`, (_request, reply) => {
      known ??= text()
      return reply.headers(HEADERS).header('content-type', type).send(known)
    })
  }
  serve('', 'text/html; charset=utf-8', () => pageOf(title))
  serve('/start.js', 'text/javascript; charset=utf-8', () => START)
  serve('/page.css', 'text/css; charset=utf-8', () => STYLE)
  for (const [file, type] of Object.entries(LIBRARY)) serve(`/${file}`, type, () => readFileSync(join(folder, file)))
}

function libraryFolder(): string {
  const own = fileURLToPath(new URL('../swagger-ui', import.meta.url))
  return existsSync(own) ? own : dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
}

/** Addresses are relative: a proxy may have put something in front of them. */
const pageOf = (title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/page.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`

const START = `const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', paint)
paint()
SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#api',
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // The library would ask a server of its makers whether the document is valid.
  validatorUrl: null,
})
`

const STYLE = `body { margin: 0; }
html.dark-mode { background: #1c2022; }
`

const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (found) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[found]!)
