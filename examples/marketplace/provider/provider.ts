/**
 * The payment provider: not a part of the marketplace but somebody else's service, and unreliable. Plain HTTP, its own
 * books, and one promise: a charge with a known `Idempotency-Key` is answered as before and made once.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCharges, type Charges, type NewCharge } from './charges.ts'
import { decision, moods, UNRELIABLE, type Unreliability } from './moods.ts'

export type Provider = {
  readonly url: string
  readonly totals: Charges['totals']
  readonly stop: () => Promise<void>
}

const MOST_BYTES = 64 * 1024

export async function startProvider(options: {
  /** Where the books are kept. */
  readonly file: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Default this machine alone. */
  readonly host?: string
  readonly unreliability?: Partial<Unreliability>
}): Promise<Provider> {
  const unreliability = { ...UNRELIABLE, ...options.unreliability }
  const charges = openCharges(options.file)
  const nextMood = moods(unreliability)

  const charge = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const wanted = chargeOf(request.headers['idempotency-key'], await bodyOf(request))
    if (typeof wanted === 'string') return reply(response, 400, { error: wanted })
    const { latency, trouble } = nextMood()
    if (latency > 0) await sleep(latency)
    if (trouble === 'reset before') return void request.socket.resetAndDestroy()
    if (trouble === 'refusal') return reply(response, 503, { error: 'Try again later' })
    const answer = charges.charge(wanted, () => decision(unreliability, wanted.key))
    if (trouble === 'reset after') return void request.socket.resetAndDestroy()
    if (answer === undefined) return reply(response, 422, { error: `The key "${wanted.key}" was used for another charge` })
    reply(response, 200, answer)
  }

  const server = createServer((request, response) => {
    const route = `${request.method} ${request.url}`
    const work = async (): Promise<void> => {
      if (route === 'POST /charges') return charge(request, response)
      if (route === 'GET /totals') return reply(response, 200, charges.totals())
      if (route !== 'POST /forget') return reply(response, 404, { error: `There is no ${route}` })
      charges.forget()
      reply(response, 200, {})
    }
    // The caller went away, or the disk is full: either way there is nobody to tell but the caller.
    work().catch((error: unknown) => (response.headersSent ? response.destroy() : reply(response, 500, { error: String(error) })))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1' }, resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    totals: charges.totals,
    stop: async () => {
      const closed = new Promise((resolve) => void server.close(resolve))
      server.closeAllConnections()
      await closed
      charges.close()
    },
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) return undefined
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

/** The charge asked for, or what is wrong with it. The card is looked at and not kept. */
function chargeOf(key: string | string[] | undefined, body: unknown): NewCharge | string {
  if (typeof key !== 'string' || key === '') return 'A charge needs an Idempotency-Key'
  const { customerId, amount, method } = (body ?? {}) as Partial<Record<keyof NewCharge, unknown>>
  if (!Number.isSafeInteger(amount) || (amount as number) < 0) return 'The amount must be a whole number of cents'
  if (!Number.isSafeInteger(customerId)) return 'A charge needs a customerId'
  if (typeof method !== 'string') return 'A charge needs a method'
  return { key, customerId: customerId as number, amount: amount as number, method }
}
