/** Where etcd is, and what is this system's there. */

export type EtcdAddress = {
  /** Members of one cluster, as `http://127.0.0.1:2379`. */
  readonly members: readonly string[]
  readonly secure: boolean
  readonly account: { readonly name: string; readonly password: string } | undefined
  /** Keys of this system are below it. */
  readonly prefix: string
  /** The same for messages, without the password. */
  readonly base: string
}

const FORM = /^etcd(s?):\/\/(?:([^/@]*)@)?([^/@?#]+)(?:\/([^?#]*))?$/
const PORT = 2379

/** @throws {TypeError} when it is no address of etcd */
export function readAddress(url: string): EtcdAddress {
  const [, s, userInfo, hosts = '', path = ''] = FORM.exec(url) ?? []
  const protocol = s === 's' ? 'https' : 'http'
  const members = hosts.split(',').map((host) => `${protocol}://${host}`)
  if (hosts === '' || !members.every((member) => URL.canParse(member)))
    // What was given may have a password in it.
    throw new TypeError('Cannot use the url of etcd: give one such as "etcd://127.0.0.1:2379", with more members after commas')
  const [name = '', password = ''] = userInfo?.split(':').map(decodeURIComponent) ?? []
  const prefix = decodeURIComponent(path).replace(/\/+$/, '') || 'dure'
  return {
    members: members.map((member) => (/:\d+$/.test(member) ? member : `${member}:${PORT}`)),
    secure: s === 's',
    account: userInfo === undefined ? undefined : { name, password },
    prefix,
    base: `etcd${s}://${hosts}/${prefix}`,
  }
}

export const keyOf = (prefix: string, { service, id }: { readonly service: string; readonly id: string }): string =>
  `${prefix}/${encodeURIComponent(service)}/${encodeURIComponent(id)}`

/** All below the prefix, as etcd is asked for it: from the first key to before the one behind the last. */
export const rangeOf = (prefix: string): { readonly key: string; readonly range_end: string } => ({
  key: inBase64(`${prefix}/`),
  // "0" follows "/".
  range_end: inBase64(`${prefix}0`),
})

/** Keys and values travel so. */
export const inBase64 = (text: string): string => Buffer.from(text).toString('base64')
export const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString()
