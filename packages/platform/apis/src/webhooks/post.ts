/** Requests to addresses that strangers have chosen: never to what is inside, never further than they point, never for long. */
import { lookup } from 'node:dns'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'

const INSIDE_4 = [
  ...[
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
  ],
  ...['192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]
/** Within what is public at all (2000::/3): what carries an IPv4 address in it, and what is for documents and tests. */
const INSIDE_6 = ['2001::/23', '2001:db8::/32', '2002::/16']

const inside = listOf(INSIDE_4, 'ipv4')
const inside6 = listOf(INSIDE_6, 'ipv6')
const outside6 = listOf(['2000::/3'], 'ipv6')

function listOf(networks: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const each of networks) {
    const [address = '', bits] = each.split('/')
    list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** Whether it is an address of this machine, of a network of somebody's own, or of nobody. */
export function isInside(address: string): boolean {
  if (isIP(address) === 4) return inside.check(address, 'ipv4')
  return isIP(address) !== 6 || !outside6.check(address, 'ipv6') || inside6.check(address, 'ipv6')
}

/** Why nothing may be sent there; undefined: it may, as far as is known before its name is looked up. */
export function addressTrouble(address: string, internal: boolean): string | undefined {
  const url = URL.parse(address)
  if (url === null || address.length > 500) return 'it is none, or longer than 500 characters; give one that begins with https://'
  if (url.protocol !== 'https:' && !(internal && url.protocol === 'http:')) return 'it does not begin with https://'
  if (url.username !== '' || url.password !== '') return 'it has a user or a password in it; webhooks are signed instead'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!internal && (host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && isInside(host))))
    return 'it is inside, where nobody else is sent to'
  return undefined
}

/** What was looked up is what is connected to: a name that is another address a moment later changes nothing. */
const guarded: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, found) => {
    const [first] = found ?? []
    if (error !== null) done(error, '')
    else if (first === undefined || found.some(({ address }) => isInside(address)))
      done(new Error('its name stands for an address inside, where nobody else is sent to'), '')
    else if (options.all === true) done(null, found)
    else done(null, first.address, first.family)
  })
}

export type Posted = { readonly ok: true } | { readonly ok: false; readonly status?: number; readonly why: string }

/** What is answered is not read: whether it was taken is in its status. Never rejects. */
export function post(
  address: string,
  given: {
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
    readonly signal: AbortSignal
    readonly internal: boolean
  },
): Promise<Posted> {
  const { headers, body, signal, internal } = given
  const trouble = addressTrouble(address, internal)
  if (trouble !== undefined) return Promise.resolve({ ok: false, why: `The address cannot be used: ${trouble}` })
  const { promise, resolve } = Promise.withResolvers<Posted>()
  const url = new URL(address)
  const length = String(Buffer.byteLength(body))
  const sent = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
    ...{ method: 'POST', agent: false, signal, headers: { ...headers, 'content-length': length } },
    ...(!internal && { lookup: guarded }),
  })
  sent.on('response', (response) => {
    const { statusCode: status = 0 } = response
    response.destroy()
    if (status >= 200 && status < 300) resolve({ ok: true })
    else if (status >= 300 && status < 400)
      resolve({ ok: false, status, why: 'It answered with a redirect, which is not followed' })
    else resolve({ ok: false, status, why: `It answered ${status}` })
  })
  sent.on('error', ({ name, message }) =>
    resolve({
      ok: false,
      why: /^(Abort|Timeout)Error$/.test(name)
        ? 'It did not answer in time'
        : `It could not be reached: ${message.slice(0, 200)}`,
    }),
  )
  sent.end(body)
  return promise
}
