export type SessionCookieOptions = {
  /** Default `session`. Over HTTPS it is sent as `__Host-session`, which no other host can set. */
  readonly name?: string
  /** Default `lax`: sent when somebody follows a link from elsewhere, and with no form or script of another site. */
  readonly sameSite?: 'lax' | 'strict'
  /** Default true. False for plain HTTP on one's own machine. */
  readonly secure?: boolean
}

export type SessionCookie = {
  /** The token in a `Cookie` header; undefined when there is none, or two. */
  readonly read: (header: string | undefined) => string | undefined
  /** The value of `Set-Cookie`. */
  readonly write: (token: string) => string
  /** The value of `Set-Cookie` that takes it away. */
  readonly remove: () => string
}

/**
 * A session's token in a cookie that scripts cannot read. It ends with the browser; the store says when the session ends.
 * @throws {TypeError} when the name cannot be that of a cookie
 *
 * @example
 * ```ts
 * import { sessionCookie } from 'dure/session'
 *
 * const cookie = sessionCookie()
 * console.log(cookie.write('t')) // → __Host-session=t; Path=/; HttpOnly; SameSite=Lax; Secure
 * console.log(cookie.read('theme=dark; __Host-session=t')) // → t
 * ```
 */
export function sessionCookie({ name = 'session', sameSite = 'lax', secure = true }: SessionCookieOptions = {}): SessionCookie {
  if (!/^[\w-]{1,64}$/.test(name))
    throw new TypeError(`Cannot name a cookie "${name}": give 1 to 64 letters, digits, dashes and underscores`)
  const whole = secure ? `__Host-${name}` : name
  const ending = `Path=/; HttpOnly; SameSite=${sameSite === 'lax' ? 'Lax' : 'Strict'}${secure ? '; Secure' : ''}`
  return {
    read: (header) => {
      const found = (header ?? '').split(';').flatMap((pair) => {
        const at = pair.indexOf('=')
        return at > 0 && pair.slice(0, at).trim() === whole ? [pair.slice(at + 1).trim()] : []
      })
      // Of two, one was put there by somebody else.
      return found.length === 1 ? found[0] : undefined
    },
    write: (token) => `${whole}=${token}; ${ending}`,
    remove: () => `${whole}=; Max-Age=0; ${ending}`,
  }
}
