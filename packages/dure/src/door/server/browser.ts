/** What doors for browsers say of their pages, and whom they refuse. */
import type { IncomingMessage } from 'node:http'
import { CallError } from '../../contract/contract.ts'

/**
 * Nothing from outside, no script or style in the page, in no frame.
 * @param allowed what pages may have all the same, as a policy says it
 */
export const pageHeaders = (allowed: string): Readonly<Record<string, string>> => ({
  'content-security-policy': `default-src 'none'; ${allowed}; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
})

/** Under which a browser on this machine reaches a port. */
export const hostsOf = (port: number): readonly string[] => ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`)

type Reached = {
  /** Of the door, as its errors say it. */
  readonly name: string
  readonly hosts: ReadonlySet<string>
  /** Whether the request is no mere look at a page, to which pages of others may lead. */
  readonly asks: boolean
}

/**
 * Refuses a name of somebody else that leads to this machine (DNS rebinding), and pages of other origins: their browsers say so.
 * @throws {CallError} PERMISSION_DENIED
 */
export function refuseForeign({ headers }: IncomingMessage, { name, hosts, asks }: Reached): void {
  const { host = '', origin, 'sec-fetch-site': site } = headers
  if (!hosts.has(host.toLowerCase()))
    throw new CallError(
      'PERMISSION_DENIED',
      `Cannot serve "${host.slice(0, 200)}": the ${name} is reached as ${[...hosts].join(', ')}`,
    )
  if (origin !== undefined && origin.replace(/^https?:\/\//, '').toLowerCase() !== host.toLowerCase())
    throw new CallError('PERMISSION_DENIED', `Cannot take a request of "${origin.slice(0, 200)}": it is another origin`)
  if (asks && site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new CallError('PERMISSION_DENIED', 'Cannot take a request that a page of another origin sends')
}
