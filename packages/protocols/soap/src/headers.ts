/** What a request says beside its body, in the headers of HTTP or of SOAP, by the same names. */
import { CallError } from 'dure/contract'
import type { Envelope } from './envelope.ts'
import { CALL, WSSE } from './names.ts'
import { childOf, type XmlElement } from './xml.ts'

type Header = (name: string) => string | undefined

/**
 * A header of SOAP (`<traceparent xmlns="urn:dure:call">`) comes before one of HTTP; a UsernameToken is `authorization`, as Basic has it.
 * @throws {CallError} UNAUTHENTICATED for a token that cannot be read
 */
export function headersOf({ headers }: Envelope, http: Header): Header {
  if (headers.length === 0) return http
  const own = new Map<string, string>()
  for (const { uri, local, text } of headers) if (uri === CALL && !own.has(local)) own.set(local, text.trim())
  const token = http('authorization') === undefined ? tokenIn(headers) : undefined
  if (token !== undefined) own.set('authorization', token)
  return (name) => own.get(name) ?? http(name)
}

function tokenIn(headers: readonly XmlElement[]): string | undefined {
  const security = headers.find(({ uri, local }) => uri === WSSE && local === 'Security')
  const token = childOf(security, WSSE, 'UsernameToken')
  if (token === undefined) return undefined
  const name = childOf(token, WSSE, 'Username')?.text ?? ''
  const password = childOf(token, WSSE, 'Password')
  const type = password?.attributes?.get('{}Type') ?? TEXT
  if (password === undefined || !type.endsWith(TEXT))
    throw new CallError('UNAUTHENTICATED', 'Cannot use the UsernameToken: its password has to be there as text; send it over TLS')
  if (name === '' || name.includes(':'))
    throw new CallError('UNAUTHENTICATED', 'Cannot use the UsernameToken: its name is empty, or has a colon')
  return `Basic ${Buffer.from(`${name}:${password.text}`).toString('base64')}`
}

const TEXT = '#PasswordText'
