import { startProxy, type Proxy } from '@dure/testing/servers'

/** A way to a NATS server on which each word of the protocol, with its payload if it publishes something, is a frame. */
export async function startNatsProxy(to: number): Promise<Proxy & { readonly url: string }> {
  const proxy = await startProxy({ to, frame: lengthOf })
  return Object.assign(proxy, { url: `nats://127.0.0.1:${proxy.port}` })
}

function lengthOf(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n')
  if (end < 0) return undefined
  const words = bytes.toString('latin1', 0, end).split(' ')
  const length = end + 2 + (/^H?PUB$/.test(words[0]!) ? Number(words.at(-1)) + 2 : 0)
  return bytes.length < length ? undefined : length
}
