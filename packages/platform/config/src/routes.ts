/** Spring Cloud Config's addresses: which of them a request is. */
import { ConfigFault } from './fault.ts'
import type { Format } from './rendered.ts'

type Asked = { readonly application: string; readonly profile: string; readonly label?: string | undefined }

export type Route =
  | { readonly kind: 'environment'; readonly asked: Asked }
  | { readonly kind: 'file'; readonly asked: Asked; readonly format: Format; readonly resolved: boolean }
  | { readonly kind: 'health' }
  | { readonly kind: 'monitor' }

const FILE = /^(.+)-([^-]+)\.(properties|json|ya?ml)$/s
const ENDS_AS_FILE = /\.(?:properties|json|ya?ml)$/

/** @throws {ConfigFault} 400 when it cannot be read, 404 when nothing is there, 405 */
export function routeOf(method: string, url: string): Route {
  const [path = '', query = ''] = url.split('?', 2)
  const parts = path.split('/').slice(1).map(decoded)
  const monitors = path === '/monitor'
  if (monitors && method === 'POST') return { kind: 'monitor' }
  if (method !== 'GET' && method !== 'HEAD')
    throw new ConfigFault(405, `Cannot ${method.slice(0, 20)}: settings are only read here`)
  if (path === '/actuator/health') return { kind: 'health' }
  const [first = '', second = '', third] = parts
  const file = parts.length === 1 ? FILE.exec(first) : parts.length === 2 ? FILE.exec(second) : null
  if (file !== null) {
    const [, application = '', profile = '', format] = file
    const resolved = new URLSearchParams(query).get('resolvePlaceholders') !== 'false'
    const label = parts.length === 2 ? first : undefined
    return { kind: 'file', asked: { application, profile, label }, format: format as Format, resolved }
  }
  const named = first !== '' && second !== '' && !second.startsWith('-')
  if (named && parts.length === 2 && !ENDS_AS_FILE.test(second))
    return { kind: 'environment', asked: { application: first, profile: second } }
  if (named && parts.length === 3 && third !== '')
    return { kind: 'environment', asked: { application: first, profile: second, label: third } }
  throw new ConfigFault(
    404,
    'Nothing is there: give /APPLICATION/PROFILE, with /LABEL after it, or /APPLICATION-PROFILE.yml, with /LABEL before it',
  )
}

/** One part of a path, decoded once. A slash is written `(_)`. */
function decoded(part: string): string {
  let text: string
  try {
    text = decodeURIComponent(part)
  } catch {
    throw new ConfigFault(400, 'Cannot read the path: it has "%" without two hexadecimal digits of UTF-8 behind it')
  }
  if (/[/\\\p{Cc}]/u.test(text)) throw new ConfigFault(400, 'Cannot read the path: a slash in a name is written "(_)"')
  return text
}
