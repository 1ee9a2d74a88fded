import type { Pool } from 'undici'
import type { Asking, Charge, Outcome, PaymentProvider } from '../domain/provider.ts'

/** No usable answer came from the payment provider. Whether it charged is not known; the same key may be tried again. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
}

export type HttpProvider = PaymentProvider & { readonly close: () => Promise<void> }

/** A provider spoken to over HTTP. It makes one attempt a charge: trying again is the message's business, which outlives a crash. */
export function httpProvider(options: {
  /** Where the provider listens, e.g. `http://127.0.0.1:9000`; or will, once it is up. */
  readonly url: string | Promise<string>
  /** Milliseconds to wait for an answer. Default 2,000. */
  readonly timeout?: number
}): HttpProvider {
  const { url, timeout = 2_000 } = options
  let pool: Promise<Pool> | undefined
  // Loaded when it is needed: the client is a tenth of what a marketplace at rest takes in memory.
  const open = async (): Promise<Pool> => {
    const [{ Pool }, origin] = await Promise.all([import('undici'), url])
    return new Pool(origin, { connections: 32, connectTimeout: timeout, headersTimeout: timeout, bodyTimeout: timeout })
  }

  const post = async (
    path: string,
    options: { readonly headers?: object; readonly body: unknown; readonly signal?: AbortSignal },
  ) => {
    const { headers, body, signal = null } = options
    const { statusCode, body: answer } = await (
      await (pool ??= open())
    ).request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal,
    })
    return { statusCode, text: await answer.text() }
  }

  const send = async (path: string, { body, headers = {}, call }: Sent): Promise<unknown> => {
    try {
      const { statusCode, text } =
        call?.http === undefined
          ? await post(path, { headers, body, ...(call !== undefined && { signal: call.signal }) })
          : await call.http({ method: 'POST', url: new URL(path, await url) }, ({ headers: own, signal }) =>
              post(path, { headers: { ...headers, ...own }, body, signal }),
            )
      if (statusCode !== 200) {
        throw new ProviderError(`The payment provider answered ${statusCode} to ${path}: ${text.slice(0, 200)}`)
      }
      return JSON.parse(text) as unknown
    } catch (cause) {
      if (cause instanceof ProviderError) throw cause
      const { message } = cause as Error
      throw new ProviderError(`Cannot get an answer of the payment provider at ${await url}: ${message}`, { cause })
    }
  }

  return {
    charge: async ({ key, ...charge }: Charge, call) =>
      outcomeOf(await send('/charges', { headers: { 'idempotency-key': key }, body: charge, call })),
    forget: async () => {
      await send('/forget', { body: {} })
    },
    close: async () => (await pool?.catch(() => undefined))?.destroy(),
  }
}

type Sent = {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The call that it is part of; undefined when it is of none. */
  readonly call?: Asking
}

function outcomeOf(answer: unknown): Outcome {
  const { status, reason } = (answer ?? {}) as { status?: unknown; reason?: unknown }
  if (status === 'succeeded') return { status }
  if (status === 'declined') return { status, reason: typeof reason === 'string' ? reason : 'declined' }
  throw new ProviderError(`The payment provider's answer has the unknown status ${JSON.stringify(status)}`)
}
