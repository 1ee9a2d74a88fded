/** A shop whose stock is asked by envelopes of SOAP in mails. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { soapMail } from '@dure/soap'
import { CallError, command, contract, error, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, start, system, type Running } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { z } from 'zod'
import { into } from './into.ts'
import { sendMail } from './send.ts'
import { smtp } from './smtp.ts'

const SoldOut = error('SOLD_OUT', { data: z.object({ left: z.int32() }), message: ({ left }) => `${left} are left` })
const Stock = contract('stock', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    find: query({ input: z.object({ id: z.string() }), output: z.object({ id: z.string(), since: z.date() }) }),
    take: command({ input: z.object({ id: z.string(), pieces: z.int32() }), output: z.int32(), errors: { SoldOut } }),
  },
})

/** @param options.port of the server that takes the answers */
export async function soapPost(
  t: Pick<TestContext, 'after'>,
  { port, directory }: { readonly port: number; readonly directory?: string },
): Promise<{ readonly running: Running; readonly url: URL; readonly done: readonly number[] }> {
  const done: number[] = []
  let tries = 0
  const stock = service(Stock, {
    database: database({ migrations: {} }),
    handlers: {
      find: ({ id }) => ({ id, since: new Date('2026-11-30T08:15:00Z') }),
      take: ({ id, pieces }) => {
        if (id === 'later' && ++tries < 3) throw new CallError('UNAVAILABLE', 'Not yet')
        if (pieces > 2) throw SoldOut({ left: 2 })
        done.push(pieces)
        return pieces
      },
    },
  })
  const mail = soapMail(Stock, {
    send: (letter) => sendMail({ server: { host: '127.0.0.1', port, tls: 'off' }, from: 'Stock <stock@shop.example>', letter }),
  })
  const door = smtp({ port: 0, into: [into(mail.contract, 'take', { to: 'stock@shop.example', input: mail.input })] })
  const made = system('shop', { services: [stock, mail.service], doors: [door], security: 'off' })
  const home = directory ?? mkdtempSync(join(tmpdir(), 'dure-soap-mail-'))
  const running = await start(made, { directory: home, log: silentLogger() })
  t.after(async () => {
    await running.stop()
    if (directory === undefined) rmSync(home, { recursive: true, force: true })
  })
  return { running, done, url: new URL(running.doors[0]!.url!) }
}
