/** The request of an interaction, as it is sent. */
import type { HttpInteraction } from '../pact/pact.ts'

export type Sent = {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | string | undefined
}

/** @param said what states answered, for parts that are taken from there */
export function requestOf({ request, fromState }: HttpInteraction, said: Readonly<Record<string, unknown>>): Sent {
  const taken = (where: string): string | undefined => {
    const expression = fromState[where]
    return expression === undefined ? undefined : filled(expression, said)
  }
  const query = Object.entries(request.query).flatMap(([name, values]) => {
    const value = taken(`query ${name}`) ?? taken(`query $.${name}`)
    return (value === undefined ? values : [value]).map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`)
  })
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, values]) => [name.toLowerCase(), taken(`header ${name}`) ?? values.join(', ')]),
  )
  const path = taken('path') ?? request.path
  const body = bodyOf(request.body, fromState, said)
  const { type } = request.body as { readonly type?: string }
  if (body !== undefined && headers['content-type'] === undefined && type !== undefined) headers['content-type'] = type
  return {
    method: request.method.toUpperCase(),
    url: encodeURI(decodedOnce(path)) + (query.length === 0 ? '' : `?${query.join('&')}`),
    headers,
    body,
  }
}

export function urlOf(base: string, url: string): string {
  return `${base.replace(/\/+$/, '')}${url}`
}

/** Some write a path as it is sent, others as it is meant. */
function decodedOnce(path: string): string {
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}

function bodyOf(
  body: HttpInteraction['request']['body'],
  fromState: HttpInteraction['fromState'],
  said: Readonly<Record<string, unknown>>,
): Sent['body'] {
  switch (body.kind) {
    case 'absent':
    case 'empty':
      return undefined
    case 'bytes':
      return body.bytes
    case 'json': {
      const value = structuredClone(body.value)
      for (const [where, expression] of Object.entries(fromState))
        if (where.startsWith('body $')) put(value, where.slice('body $'.length), filledValue(expression, said))
      return JSON.stringify(value)
    }
    default:
      return body.text
  }
}

/** `.order.id`, `[0].id`: an example has it, so it is there. */
function put(value: unknown, path: string, part: unknown): void {
  const steps = path.split(/\.|\[|\]|'|"/).filter((step) => step !== '')
  let at = value as Record<string, unknown> | undefined
  for (const step of steps.slice(0, -1)) at = at?.[step] as Record<string, unknown> | undefined
  const last = steps.at(-1)
  if (last !== undefined && typeof at === 'object' && at !== null && Object.hasOwn(at, last)) at[last] = part
}

function filled(expression: string, said: Readonly<Record<string, unknown>>): string {
  const names = expression.includes('${') ? expression : `\${${expression}}`
  return names.replaceAll(/\$\{([^}]*)\}/g, (_whole, name: string) => String(said[name.trim()] ?? ''))
}

/** One that is nothing but a name keeps its type. */
function filledValue(expression: string, said: Readonly<Record<string, unknown>>): unknown {
  const name = /^\$\{([^}]*)\}$/.exec(expression)?.[1]?.trim() ?? (expression.includes('${') ? undefined : expression)
  return name === undefined ? filled(expression, said) : said[name]
}
