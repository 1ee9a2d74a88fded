import type { TestContext } from 'node:test'
import { ok, proxyTo, speaking, talk } from '../bytes.test-support.ts'

/** Sends bytes to a gateway, at once or byte by byte; with which statuses it answers, and how many requests its server saw. */
export async function statusesOf(t: TestContext) {
  let passed = 0
  const port = await speaking(t, (socket) => {
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (!text.includes('\r\n\r\n')) return
      const body = text.slice(text.indexOf('\r\n\r\n') + 4)
      const isThere = /transfer-encoding: chunked/i.test(text)
        ? /(?:^|\r\n)0\r\n(?:.+\r\n)*\r\n$/.test(body)
        : body.length >= Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0)
      if (!isThere) return
      passed++
      text = ''
      socket.write(ok('fine'))
    })
  })
  const gateway = await proxyTo(t, port)
  return async (sent: string, whole: boolean): Promise<{ readonly statuses: readonly number[]; readonly passed: number }> => {
    passed = 0
    const { socket, hears, end } = talk(t, gateway.port)
    if (whole || sent.length > 400) socket.write(sent, 'latin1')
    else for (const byte of sent) socket.write(byte, 'latin1')
    const said = await hears(/fine$|\r\n\r\n\{[^]*\}$/)
    const all = said.endsWith('fine') ? said : await end()
    socket.destroy()
    return { statuses: [...all.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)), passed }
  }
}
