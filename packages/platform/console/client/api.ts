/** What the console knows of the server: operator contracts over HTTP, and the session. */
import { signal, type Signal } from '@preact/signals'

/** As much of JSON Schema as forms and tables are made from. */
export type Schema = {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly default?: unknown
  readonly format?: string
  readonly additionalProperties?: Schema | boolean
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
}

export type Operation = {
  readonly name: string
  readonly kind: 'query' | 'command' | 'stream'
  readonly description?: string
  readonly input?: Schema
  readonly output?: Schema
  readonly role: 'viewer' | 'operator'
  readonly reason: boolean
}

export type Contract = { readonly name: string; readonly description?: string; readonly operations: readonly Operation[] }

/** Who looks, and at what. */
export type Session = {
  readonly system: string
  readonly production: boolean
  readonly role: 'viewer' | 'operator'
  readonly subject: string
  /** Where who logged in logs out. */
  readonly logout?: string
}

/** What keeps the console from showing anything; undefined when nothing does. */
export type Trouble = { readonly kind: 'login' | 'used' | 'ended' | 'forbidden' | 'away'; readonly message: string }

export const session: Signal<Session | undefined> = signal(undefined)
export const contracts: Signal<readonly Contract[]> = signal([])
export const trouble: Signal<Trouble | undefined> = signal(undefined)
/** Whether the last request was answered. */
export const connected: Signal<boolean> = signal(true)

export class Refused extends Error {
  readonly code: string
  readonly status: number
  constructor(code: string, message: string, status: number) {
    super(message)
    this.code = code
    this.status = status
  }
}

async function request(url: string, init: RequestInit): Promise<unknown> {
  let answer: Response
  try {
    answer = await fetch(url, { ...init, credentials: 'same-origin', cache: 'no-store' })
  } catch (cause) {
    if (init.signal?.aborted !== true) connected.value = false
    throw cause
  }
  connected.value = true
  const body: unknown = await answer.json().catch(() => undefined)
  if (answer.ok) return body
  const { error } = (body ?? {}) as { error?: { code?: string; message?: string } }
  const { code = 'UNKNOWN', message = `${answer.status}` } = error ?? {}
  // A gateway before the console answers in words of its own: whoever logged in there is to do so again.
  if (answer.status === 401)
    trouble.value = { kind: error === undefined ? 'ended' : code === 'LINK_USED' ? 'used' : 'login', message }
  if (answer.status === 403 && url === SESSION) trouble.value = { kind: 'forbidden', message }
  throw new Refused(code, message, answer.status)
}

const SESSION = '/api/session'

/** Ends the session where it was begun, and goes on where that says. */
export async function logOut(path: string): Promise<void> {
  const answer = await fetch(path, { method: 'POST', credentials: 'same-origin' })
  const { location: next = '/' } = (await answer.json().catch(() => ({}))) as { readonly location?: string }
  location.assign(next)
}

/** Takes the link's token out of the address, if there is one, and finds out who looks and what there is. */
export async function open(): Promise<void> {
  trouble.value = undefined
  try {
    const token = /^#open=([\w.-]+)$/.exec(location.hash)?.[1]
    if (token !== undefined) {
      history.replaceState(null, '', location.pathname + location.search)
      await request(SESSION, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      }).catch(async (error: unknown) => {
        // A browser that is in already may open its link again.
        if (!(error instanceof Refused)) throw error
        const why = trouble.value
        await request(SESSION, { method: 'GET' }).catch(() => {
          trouble.value = why
          throw error
        })
        trouble.value = undefined
      })
    }
    const who = (await request(SESSION, { method: 'GET' })) as Session
    const all = (await request('/api/operator', { method: 'GET' })) as { readonly contracts: readonly Contract[] }
    contracts.value = all.contracts
    session.value = who
  } catch (error) {
    trouble.value ??= { kind: 'away', message: error instanceof Error ? error.message : String(error) }
  }
}

const urlOf = (contract: string, operation: string): string =>
  `/api/operator/${encodeURIComponent(contract)}/${encodeURIComponent(operation)}`

/** Asks an operator contract. @throws {Refused} with the server's words */
export async function ask<T>(
  contract: string,
  operation: string,
  input: unknown,
  how: { readonly signal?: AbortSignal; readonly reason?: string } = {},
): Promise<T> {
  const body = (await request(urlOf(contract, operation), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      // Headers are bytes of one alphabet; a reason may be Korean.
      ...(how.reason === undefined ? {} : { 'x-dure-reason': encodeURIComponent(how.reason) }),
    },
    body: JSON.stringify(input ?? {}),
    signal: how.signal ?? null,
  })) as { readonly value: T }
  return body.value
}

/** Follows a stream until `close`; `ended` is told when it breaks off or is refused. */
export function follow<T>(
  contract: string,
  operation: string,
  input: unknown,
  on: { readonly value: (value: T) => void; readonly broken?: () => void },
): { readonly close: () => void } {
  const source = new EventSource(`${urlOf(contract, operation)}?input=${encodeURIComponent(JSON.stringify(input ?? {}))}`)
  source.addEventListener('message', (event: MessageEvent<string>) => on.value(JSON.parse(event.data) as T))
  // It has no more to say; a browser would ask again.
  source.addEventListener('end', () => source.close())
  source.addEventListener('error', () => on.broken?.())
  return { close: () => source.close() }
}

export function operationOf(contract: string, operation: string): Operation | undefined {
  return contracts.value.find(({ name }) => name === contract)?.operations.find(({ name }) => name === operation)
}

export const has = (contract: string): boolean => contracts.value.some(({ name }) => name === contract)

/** Whether who looks may do it. */
export function may(contract: string, operation: string): boolean {
  const found = operationOf(contract, operation)
  return found !== undefined && (found.role === 'viewer' || session.value?.role === 'operator')
}
