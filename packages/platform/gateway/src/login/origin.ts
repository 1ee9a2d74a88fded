/** What a request says of the page that it comes from, and where it may be sent. */
import type { GatewayRequest } from '../filter.ts'

/** Characters of a path that somebody is brought back to. */
const MOST_TARGET = 512

/**
 * A path of our own with its query, as a browser would go there; undefined for whatever leads elsewhere or would not travel. How a
 * browser reads it is asked of the same rules that browsers have.
 */
export function targetOf(to: string | null | undefined, origin: string): string | undefined {
  if (to === null || to === undefined || to.length > MOST_TARGET || !/^\/[\u0021-\u007e]*$/.test(to)) return undefined
  if (to.includes('\\') || !URL.canParse(to, origin)) return undefined
  const url = new URL(to, origin)
  // `/..//other.example` is `//other.example` once it is read.
  if (url.origin !== origin || url.pathname.startsWith('//')) return undefined
  return url.pathname + url.search
}

/** Whether a page of our own has sent it: nobody else may do what cookies let their owner do. */
export function isSameOrigin({ header }: Pick<GatewayRequest, 'header'>, origin: string): boolean {
  const [site, from] = [header('sec-fetch-site'), header('origin')]
  if (site === undefined && from === undefined) return false
  return (site === undefined || site === 'same-origin') && (from === undefined || from === origin)
}

/** Whether it can change something, or opens a way on which it can: a browser asks nobody before it opens a WebSocket. */
export const isUnsafe = ({ method, header }: Pick<GatewayRequest, 'method' | 'header'>): boolean =>
  (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') || header('upgrade') !== undefined

/** Whether a person sees what is answered, rather than a script. */
export function isNavigation({ method, header }: Pick<GatewayRequest, 'method' | 'header'>): boolean {
  if (header('upgrade') !== undefined || (method !== 'GET' && method !== 'POST')) return false
  const mode = header('sec-fetch-mode')
  if (mode !== undefined && mode !== 'navigate') return false
  const dest = header('sec-fetch-dest')
  if (dest !== undefined && dest !== 'document') return false
  return /(?:^|[\s,])text\/html(?:$|[\s,;])/i.test(header('accept') ?? '')
}
