/** What a client says first: who it is, and which session it goes on with. */
import type { Principal } from 'dure/contract'
import type { ClientMessage } from './messages.ts'
import type { Carrier } from './carrier.ts'
import { byeText } from './closing.ts'
import { isSamePrincipal, type ResumableSession, type Sessions } from './sessions.ts'

export type Hello = Extract<ClientMessage, { type: 'hello' }>

/** @param begin makes a session that is new */
export function greet(
  hello: Hello,
  options: {
    readonly principal: Principal | undefined
    readonly sessions: Sessions
    readonly carrier: Carrier
    /** Of channels. */
    readonly window: number
    readonly begin: () => ResumableSession
  },
): { readonly resumable: ResumableSession; readonly welcomed: () => void } {
  const { principal, sessions, carrier, window } = options
  const found = hello.session === undefined ? undefined : sessions.find(hello.session)
  // Of a session that is somebody else's nothing is said, not even that it is there.
  const known = found !== undefined && isSamePrincipal(found.principal, principal) ? found : undefined
  const old = known?.session.line()
  const resumed = known?.session.resume(carrier, hello.received ?? 0)
  if (known !== undefined && resumed !== undefined) {
    sessions.back(known)
    old?.send(byeText(4409, MOVED))
    old?.end(4409, MOVED)
    carrier.send(welcomeText(known, { resumed: true, window }))
    return { resumable: known, welcomed: resumed.replay }
  }
  // What it has missed is not there any more; nothing else of it can be of use.
  if (known !== undefined) sessions.end(known)
  const resumable = options.begin()
  const reason = hello.session === undefined ? undefined : known === undefined ? UNKNOWN : MISSED
  carrier.send(welcomeText(resumable, { resumed: false, window, reason }))
  return { resumable, welcomed: () => {} }
}

export function welcomeText(
  { session }: ResumableSession,
  more: { readonly resumed: boolean; readonly window: number; readonly reason?: string | undefined },
): string {
  return JSON.stringify({ type: 'welcome', session: session.id, received: session.received, ...more })
}

const MOVED = 'Its client goes on over another connection'
const UNKNOWN = "The session is not known here: it has ended, or was another server's"
const MISSED = 'What came after that is not there any more'
