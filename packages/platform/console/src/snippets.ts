/** A call of an operation as others write it: over HTTP with curl, at the command line, in TypeScript. */

export type Callable = {
  readonly service: string
  readonly operation: string
  readonly kind: string
  /** As in `POST /orders/{id}`; none: it is not there over HTTP. */
  readonly routes: readonly string[]
  readonly access?: string
}

export type HttpRequest = { readonly method: string; readonly path: string; readonly body: string | undefined }

/** What the first of its routes takes: fields in the path, else in the query where there is no body. Undefined without a route. */
export function requestOf({ routes }: Callable, input: unknown): HttpRequest | undefined {
  const [method, template] = routes[0]?.split(' ') ?? []
  if (method === undefined || template === undefined) return undefined
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  const left = new Map(Object.entries(isObject ? (input as Readonly<Record<string, unknown>>) : {}))
  const path = template.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = left.get(name)
    left.delete(name)
    return value === undefined ? whole : encodeURIComponent(text(value))
  })
  if (method === 'GET' || method === 'DELETE') {
    const query = [...left]
      .flatMap(([name, value]) => (Array.isArray(value) ? value.map((one) => [name, one]) : [[name, value]]))
      .map(([name, value]) => `${encodeURIComponent(String(name))}=${encodeURIComponent(text(value))}`)
      .join('&')
    return { method, path: query === '' ? path : `${path}?${query}`, body: undefined }
  }
  const body = isObject ? Object.fromEntries(left) : input
  const isEmpty = body === undefined || (isObject && left.size === 0)
  return { method, path, body: isEmpty ? undefined : JSON.stringify(body) }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** One word of a shell, whatever is in it. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

const BEARER = 'authorization: Bearer $TOKEN'

/**
 * With `$URL`, where the system is reached, which the console does not know.
 * @param credential the header that says who calls; undefined: none
 */
export function curl(
  call: Callable,
  input: unknown,
  credential: string | undefined = call.access === 'authenticated' ? BEARER : undefined,
): string | undefined {
  const request = requestOf(call, input)
  if (request === undefined) return undefined
  const { method, path, body } = request
  return [
    'curl',
    ...(method === 'GET' ? [] : ['-X', method]),
    `"$URL"${quoted(path)}`,
    ...(credential === undefined ? [] : ['-H', `"${credential}"`]),
    ...(body === undefined ? [] : ['-H', "'content-type: application/json'", '-d', quoted(body)]),
  ].join(' ')
}

export function commandLine({ service, operation }: Callable, input: unknown): string {
  const given = input === undefined || (typeof input === 'object' && input !== null && Object.keys(input).length === 0)
  return `npx dure call ${service}.${operation}${given ? '' : ` ${quoted(JSON.stringify(input))}`}`
}

/** In a handler, for a service that lists the callee among its `needs`. */
export function typeScript({ service, operation, kind }: Callable, input: unknown): string {
  const contract = service.replaceAll(/(?:^|[^a-zA-Z\d]+)([a-zA-Z\d])/g, (_, first: string) => first.toUpperCase())
  const name = /^[a-zA-Z_$][\w$]*$/.test(service) ? service : contract[0]!.toLowerCase() + contract.slice(1)
  const member = /^[a-zA-Z_$][\w$]*$/.test(operation) ? `.${operation}` : `[${JSON.stringify(operation)}]`
  const call = `${name}${member}(${input === undefined ? '' : literal(input, '')})`
  const use = kind === 'stream' ? `for await (const value of ${call}) console.log(value)` : `const answer = await ${call}`
  return `// needs: { ${name}: ${contract} }\n${use}`
}

/** JSON as TypeScript writes it: names without quotes where they need none. */
function literal(value: unknown, indent: string): string {
  if (typeof value === 'string') return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
  if (typeof value !== 'object' || value === null) return String(value)
  const more = `${indent}  `
  const parts = Array.isArray(value)
    ? value.map((one) => literal(one, more))
    : Object.entries(value).map(([name, one]) => `${keyOf(name)}: ${literal(one, more)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  if (parts.length === 0) return open + close
  const line = Array.isArray(value) ? `[${parts.join(', ')}]` : `{ ${parts.join(', ')} }`
  return line.length <= 80 ? line : `${open}\n${parts.map((part) => `${more}${part},\n`).join('')}${indent}${close}`
}

/** Of an object as it is written down; `__proto__` would be its prototype. */
function keyOf(name: string): string {
  if (name === '__proto__') return "['__proto__']"
  return /^[a-zA-Z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
}
