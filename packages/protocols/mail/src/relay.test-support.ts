/** A mail server of others, which takes what it is sent, or refuses it. */
import type { TestContext } from 'node:test'
import { SMTPServer } from 'smtp-server'

export type Relay = {
  readonly port: number
  /** What was taken: the envelope and the bytes. */
  readonly taken: { readonly from: string; readonly to: string; readonly bytes: string }[]
  /** How often somebody came. */
  readonly tried: () => number
}

/** It refuses by the name of the recipient. */
export async function relay(t: Pick<TestContext, 'after'>): Promise<Relay> {
  const taken: Relay['taken'] = []
  let tried = 0
  const refusal = (responseCode: number): Error => Object.assign(new Error('No'), { responseCode })
  const other = new SMTPServer({
    ...{ logger: false, authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'], disableReverseLookup: true },
    onRcptTo: ({ address }, _session, done) => {
      tried++
      done(address.startsWith('gone') ? refusal(550) : address.startsWith('busy') && tried < 3 ? refusal(451) : undefined)
    },
    onData: (stream, { envelope }, done) => {
      let bytes = ''
      stream.setEncoding('latin1').on('data', (text: string) => (bytes += text))
      stream.on('end', () => {
        taken.push({ from: envelope.mailFrom ? envelope.mailFrom.address : '', to: envelope.rcptTo[0]!.address, bytes })
        done()
      })
    },
  })
  const listening = other.listen(0, '127.0.0.1')
  await new Promise((resolve) => listening.once('listening', resolve))
  t.after(() => new Promise<void>((resolve) => other.close(() => resolve())))
  return { port: (listening.address() as { port: number }).port, taken, tried: () => tried }
}
