import { checkNumbers, COUNT } from 'dure/runtime/internal'
import { templateOf } from '../routes/routes.ts'
import { filter, type Filter } from '../filter.ts'

/** A segment; what separates nothing within a path stays as it is, and a plus, a semicolon and a slash are encoded. */
const segment = (text: string): string =>
  encodeURIComponent(text).replaceAll(/%(?:24|26|2C|3A|3D|40)/g, (encoded) => decodeURIComponent(encoded))

/** A path with the route's parameters put in, each encoded as one segment. @throws {TypeError} when it is none */
function writer(path: string): (parameters: Readonly<Record<string, string>>) => string {
  const template = templateOf(path)
  if (typeof template === 'string') throw new TypeError(`Cannot rewrite paths: the path ${template}`)
  const end = path.length > 1 && path.endsWith('/') ? '/' : ''
  return (parameters) => {
    const parts = template.map((part) => (typeof part === 'string' ? part : (parameters[part.parameter] ?? '')))
    return `/${parts.map(segment).join('/')}${end}`
  }
}

/**
 * Changes the path of a request: to another one, `{ path: '/v2/{id}' }`; without its first segments, `{ strip: 1 }`; or without what it
 * begins with, `{ without: '/api' }`; and with something before it, `{ before: '/v2' }`. With `without`, `before: '/v2/'` keeps its slash
 * when nothing is left of the path. Its query stays. A path is changed once and not looked up again.
 * @throws {TypeError} when a path is none
 *
 * @example
 * ```ts
 * import { rewrite } from '@dure/gateway'
 *
 * const routes = { orders: { prefix: '/api/orders', to: 'orders', filters: [rewrite({ without: '/api' })] } }
 * console.log(routes.orders.filters[0]?.name) // → rewrite
 * ```
 */
export function rewrite(
  how:
    | { readonly path: string }
    | { readonly without?: string; readonly before?: string }
    | { readonly strip: number; readonly before?: string },
): Filter {
  if ('path' in how) {
    const write = writer(how.path)
    return filter('rewrite', { before: (request) => request.setPath(write(request.parameters)) })
  }
  const before = trimmed(how.before)
  if ('strip' in how) {
    const { strip } = checkNumbers('rewrite paths', how, { strip: { ...COUNT, most: 100 } })
    return filter('rewrite', { before: (request) => request.setPath(`${before}${stripped(request.path, strip)}`) })
  }
  const without = trimmed(how.without)
  const end = how.before?.endsWith('/') === true ? '/' : ''
  return filter('rewrite', {
    before: (request) => {
      const { path } = request
      const begins = path.startsWith(without) && (path.length === without.length || path[without.length] === '/')
      const rest = begins ? path.slice(without.length) : path
      request.setPath(`${before}${rest || end}` || '/')
    },
  })
}

/** Empty segments do not count, as where routes are looked up. */
function stripped(path: string, count: number): string {
  let at = 0
  for (let left = count; left > 0; left--) {
    while (path[at] === '/') at++
    const next = path.indexOf('/', at)
    if (next === -1) return '/'
    at = next
  }
  return path.slice(at)
}

/** A literal beginning, without a slash at its end. */
function trimmed(path = ''): string {
  if (path === '') return ''
  const template = templateOf(path)
  const why =
    typeof template === 'string' ? template : template.every((part) => typeof part === 'string') ? undefined : 'has parameters'
  if (why !== undefined) throw new TypeError(`Cannot rewrite paths: ${JSON.stringify(path)}: ${why}`)
  return path.replace(/\/+$/, '')
}

/**
 * Answers with another address, where clients are to go instead.
 * @throws {TypeError} when the address or the status is none
 *
 * @example
 * ```ts
 * import { redirect } from '@dure/gateway'
 *
 * const moved = redirect({ to: 'https://shop.example/orders', status: 308 })
 * console.log(moved.name) // → redirect
 * ```
 */
export function redirect({ to, status = 302 }: { readonly to: string; readonly status?: 301 | 302 | 303 | 307 | 308 }): Filter {
  if (![301, 302, 303, 307, 308].includes(status))
    throw new TypeError(`Cannot redirect with status ${status}; give 301, 302, 303, 307 or 308`)
  if (!/^(?:https?:\/\/|\/(?!\/))[\u0021-\u007e]*$/.test(to))
    throw new TypeError(`Cannot redirect to ${JSON.stringify(to)}: give a path, or an address of http or https`)
  return filter('redirect', { before: () => ({ status, headers: { location: to } }) })
}
