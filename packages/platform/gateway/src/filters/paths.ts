import { checkNumbers, COUNT } from 'dure/runtime/internal'
import { decoded, templateOf } from '../routes/routes.ts'
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
  const before = beginning(how.before)
  if ('strip' in how) {
    const { strip } = checkNumbers('rewrite paths', how, { strip: { ...COUNT, most: 100 } })
    return filter('rewrite', {
      before: (request) => request.setPath(`${before.path}${behind(request.path, strip) || '/'}`),
    })
  }
  const without = beginning(how.without).segments
  const end = how.before?.endsWith('/') === true ? '/' : ''
  return filter('rewrite', {
    before: (request) => {
      const rest = behind(request.path, without.length, (text, at) => decoded(text) === without[at]) ?? request.path
      request.setPath(`${before.path}${rest || end}` || '/')
    },
  })
}

/**
 * What stands behind so many segments, as it is written. They are those by which routes are looked up: empty ones do not count, and it does not
 * matter how a letter is written, or a request would come to a route and past its rewriting. Undefined when one does not fit.
 */
function behind(path: string, count: number, fits: (segment: string, at: number) => boolean = () => true): string | undefined {
  let end = 0
  for (let segment = 0; segment < count; segment++) {
    let start = end
    while (path[start] === '/') start++
    const next = path.indexOf('/', start)
    end = next === -1 ? path.length : next
    if (!fits(path.slice(start, end), segment)) return undefined
  }
  return path.slice(end)
}

/** A literal beginning: its segments, and the same without a slash at its end. */
function beginning(path = ''): { readonly path: string; readonly segments: readonly string[] } {
  if (path === '') return { path, segments: [] }
  const template = templateOf(path)
  if (typeof template === 'string') throw new TypeError(`Cannot rewrite paths: ${JSON.stringify(path)}: ${template}`)
  const segments = template.flatMap((part) => (typeof part === 'string' ? [part] : []))
  if (segments.length < template.length) throw new TypeError(`Cannot rewrite paths: ${JSON.stringify(path)}: has parameters`)
  return { path: path.replace(/\/+$/, ''), segments }
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
