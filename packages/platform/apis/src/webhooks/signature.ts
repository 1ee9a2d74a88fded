/** What webhooks are signed with: Standard Webhooks, HMAC-SHA256 of id, time and body (https://www.standardwebhooks.com). */
import { createHmac, timingSafeEqual } from 'node:crypto'

/** Seconds by which a webhook may be older or younger than now. */
const TOLERANCE = 300
const PREFIX = 'whsec_'

export const secretOf = (bytes: Uint8Array): string => PREFIX + Buffer.from(bytes).toString('base64')

type Signed = {
  readonly id: string
  /** Seconds since the epoch. */ readonly timestamp: number
  readonly body: string | Uint8Array
}

export function signatureOf(secret: string, { id, timestamp, body }: Signed): string {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64')
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`
}

export type WebhookGiven = {
  /** `whsec_…`, as it was shown when the webhook was added. While it is changed, the old one and the new one. */
  readonly secret: string | readonly string[]
  /** Of the request, in small letters. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** As it came: what was read and written again has other bytes. */
  readonly body: string | Uint8Array
  /** Milliseconds since the epoch. */
  readonly now: number
}
export type WebhookVerified = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly why: string }

/**
 * Whether a webhook is from who has the secret, and of the last five minutes. The same one may come again, with the same id: what it does
 * once is called with that as its idempotency key.
 * @throws {TypeError} when a secret is none
 *
 * @example
 * ```ts
 * import { verifyWebhook } from '@dure/apis'
 *
 * const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
 * const headers = {
 *   'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
 *   'webhook-timestamp': '1614265330',
 *   'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
 * }
 * const verified = verifyWebhook({ secret, headers, body: '{"test": 2432232314}', now: 1_614_265_330_000 })
 * console.log(verified) // → { ok: true, id: 'msg_p5jXN8AQM9LWM0D4loKWxJek' }
 * ```
 */
export function verifyWebhook({ secret, headers, body, now }: WebhookGiven): WebhookVerified {
  const secrets = typeof secret === 'string' ? [secret] : secret
  if (secrets.length === 0 || secrets.some((each) => !/^whsec_[A-Za-z0-9+/]{22,}={0,2}$/.test(each)))
    throw new TypeError('Cannot verify the webhook: its secret is none; give what begins with whsec_')
  const [id, time, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => headers[name])
  const no = (why: string): WebhookVerified => ({ ok: false, why })
  if (typeof id !== 'string' || id === '' || typeof time !== 'string' || typeof signatures !== 'string')
    return no('It has no webhook-id, webhook-timestamp or webhook-signature')
  if (!/^\d{1,12}$/.test(time)) return no('Its webhook-timestamp is no number of seconds')
  const timestamp = Number(time)
  if (Math.abs(now / 1_000 - timestamp) > TOLERANCE) return no(`Its webhook-timestamp is more than ${TOLERANCE} s away from now`)
  const given = signatures
    .split(' ')
    .slice(0, 10)
    .map((each) => Buffer.from(each))
  const fits = secrets.some((each) => {
    const own = Buffer.from(signatureOf(each, { id, timestamp, body }))
    return given.some((other) => other.length === own.length && timingSafeEqual(other, own))
  })
  return fits ? { ok: true, id } : no('Its webhook-signature is not one of this body with this secret')
}
