/** A mailbox that others write to: each of its mails becomes a command, once. */
import type { Principal } from 'dure/contract'
import { closeDoor, openState } from 'dure/door/internal'
import { backoff } from 'dure/resilience'
import { checkNumbers, COUNT, WHOLE_WAIT } from 'dure/runtime/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import type { Account } from './account.ts'
import { imapMailbox, type ImapOptions } from './imap.ts'
import { routesOf, type Into, type MailState, type Route } from './into.ts'
import { limitsOf, type MailLimits } from './limits.ts'
import type { Mailbox } from './mailbox-port.ts'
import { pop3Mailbox } from './pop3.ts'
import { readMail } from './received.ts'

export type MailboxOptions = {
  /** Name in logs and lists, and of what is known of its mails. Default `mailbox`. */
  readonly name?: string
  /** What its mails become. */
  readonly into: Into
  /** For whom its commands are called, where they are not for anybody: whoever may write to the mailbox may then do that. */
  readonly principal?: Principal
  /** Milliseconds after which it is looked into, whether the server has said something or not. Default 60,000. */
  readonly every?: number
  /** Tries of a command that fails for a while, before its mail counts as refused. Default 10. */
  readonly tries?: number
  readonly limits?: Partial<MailLimits>
} & (
  | { /** Mails are marked as read, or moved; those that are refused are flagged too. */ readonly imap: Account & ImapOptions }
  | { /** Mails that are done are deleted, for it has no marks; those that are refused stay. */ readonly pop3: Account }
)

/**
 * Makes a door that looks into a mailbox: over IMAP, where the server says when a mail has come (IDLE), or over POP3. Each mail
 * becomes a command, known by its `Message-ID` and sender, or its place in the mailbox; so a mail that is found again after a crash
 * is done once. It opens also while the server is away, and comes back by itself.
 *
 * @example
 * ```ts
 * import { into, mailbox } from '@dure/mail'
 * import { command, contract } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Tickets = contract('tickets', {
 *   version: '1.0.0',
 *   owner: 'team-support',
 *   operations: { open: command({ input: z.object({ subject: z.string() }), idempotent: true }) },
 * })
 * const door = mailbox({
 *   imap: { host: 'imap.shop.example', user: 'support', password: () => process.env['IMAP_PASSWORD'] ?? '' },
 *   into: into(Tickets, 'open', { input: ({ subject }) => ({ subject }) }),
 * })
 * console.log(door.name) // → mailbox
 * ```
 */
export function mailbox(options: MailboxOptions): Door {
  const { name = 'mailbox', every = 60_000, tries = 10 } = options
  checkNumbers(`make the door "${name}"`, { every, tries }, { every: WHOLE_WAIT, tries: COUNT })
  const limits = limitsOf(options.limits)
  return { name, open: (host, world) => open(host, world, { ...options, name, every, tries }, limits) }
}

type Settings = MailboxOptions & { readonly name: string; readonly every: number; readonly tries: number }

async function open(host: DoorHost, world: World, settings: Settings, limits: MailLimits): Promise<OpenDoor> {
  const state: MailState = openState({ door: settings.name, limits, world, host })
  const [route] = routesOf([settings.into], { state, host, world })
  const having = { limits, runtime: world.runtime }
  const box = 'imap' in settings ? imapMailbox(settings.imap, having) : pop3Mailbox(settings.pop3, having)
  const stop = new AbortController()
  const looking = look(box, { state, route: route!, settings, signal: stop.signal, failed: new Map() })
  const close = async (): Promise<void> => {
    stop.abort()
    await looking
  }
  let closed: Promise<void> | undefined
  return { url: undefined, close: ({ timeout } = {}) => (closed ??= closeDoor(state, { timeout, close, cut: box.close })) }
}

type Looking = {
  readonly state: MailState
  readonly route: Route
  readonly settings: Settings
  readonly signal: AbortSignal
  /** How often a mail that waits has failed; `Infinity`: it is refused. */
  readonly failed: Map<string, number>
}

/** Mails after which their marks are kept. */
const BATCH = 100

async function look(box: Mailbox, looking: Looking): Promise<void> {
  const { state, signal, failed, settings } = looking
  const { log, runtime } = state.world
  let away = 0
  const pause = { first: Math.min(1_000, settings.every), max: 60_000 }
  while (!signal.aborted) {
    try {
      await pass(box, looking)
      if (away > 0) log.info('The mailbox is there again', { door: state.door })
      away = 0
      const again = [...failed.values()].filter(Number.isFinite)
      const soon = again.length === 0 ? settings.every : backoff(pause, Math.min(...again), runtime.random)
      if (!signal.aborted) await box.wait(Math.min(soon, settings.every), signal)
    } catch (error) {
      box.close()
      if (signal.aborted) break
      if (++away === 1) log.warn('Cannot look into the mailbox; it is tried again', { door: state.door, error })
      await runtime.timers.sleep(backoff(pause, away, runtime.random), signal)
    }
  }
  box.close()
}

async function pass(box: Mailbox, looking: Looking): Promise<void> {
  const { signal, failed } = looking
  const uids = await box.list()
  const listed = new Set(uids)
  for (const uid of failed.keys()) if (!listed.has(uid)) failed.delete(uid)
  let marked = 0
  for (const uid of uids) {
    if (signal.aborted) break
    if (failed.get(uid) === Infinity) continue
    await take(box, uid, looking)
    if (++marked % BATCH === 0) await box.keep()
  }
  await box.keep()
}

async function take(box: Mailbox, uid: string, { state, route, settings, failed }: Looking): Promise<void> {
  const { limits, world, door } = state
  const refuse = async (why: string): Promise<void> => {
    world.log.error('A mail is refused, and stays in its mailbox', { door, uid, operation: route.place, why })
    failed.set(uid, Infinity)
    await box.mark(uid, 'refused')
  }
  const bytes = await box.read(uid)
  if (bytes === 'gone') return
  if (bytes === 'large') return refuse(`it is larger than ${limits.size} bytes`)
  const read = await readMail(bytes, limits)
  if (!read.ok) return refuse(read.why)
  const { mail } = read
  const identity = [door, route.place, mail.from ?? '', mail.messageId ?? uid]
  const outcome = await route.take(mail, { identity, principal: settings.principal })
  if (!('failure' in outcome)) {
    failed.delete(uid)
    return box.mark(uid, 'taken')
  }
  const { code, message } = outcome.failure
  const tries = (failed.get(uid) ?? 0) + 1
  failed.set(uid, tries)
  if (outcome.is === 'refused' || tries >= settings.tries) await refuse(`${code}: ${message}`)
}
