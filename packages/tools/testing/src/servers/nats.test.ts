import assert from 'node:assert/strict'
import { serverTests, talk } from './life.test-support.ts'

const HELLO = 'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answer 1\r\n'
/** A request and its answer, in the protocol's own words. */
const ask = (port: number, subject: string, body: string): Promise<string> =>
  talk(port, `${HELLO}PUB ${subject} answer ${body.length}\r\n${body}\r\n`, /MSG answer 1 .*\r\n.*\r\n/)

serverTests('nats', {
  write: async ({ port }) => {
    const stream = { name: 'orders', subjects: ['orders'], storage: 'file' }
    assert.match(await ask(port, '$JS.API.STREAM.CREATE.orders', JSON.stringify(stream)), /"did_create":true/)
    assert.match(await ask(port, 'orders', 'first'), /"seq":1/)
  },
  read: async ({ port }) => /"messages":1,/.test(await ask(port, '$JS.API.STREAM.INFO.orders', '')),
})
