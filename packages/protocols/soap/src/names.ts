/** Names that are the same in every document. */
import { pascal, type NamedType } from 'dure/contract/internal'
import { identifiersFor } from 'dure/contract/internal'
import type { AnyContract } from 'dure/contract'

export const SOAP11 = 'http://schemas.xmlsoap.org/soap/envelope/'
export const SOAP12 = 'http://www.w3.org/2003/05/soap-envelope'
export const XSI = 'http://www.w3.org/2001/XMLSchema-instance'
export const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd'
/** What a fault says beside the words: its code, where the input is wrong. */
export const FAULT = 'urn:dure:fault'
/** Headers that steer a call, by the names that they have in HTTP. */
export const CALL = 'urn:dure:call'

/** The namespace of a contract whose system says no other one: `urn:dure:orders:1`, with its major version. */
export function namespaceOf({ name, version }: Pick<AnyContract, 'name' | 'version'>): string {
  return `urn:dure:${name}:${version.split('.')[0]}`
}

/** `orders`, `place` → `ordersPlace` */
export function camel(...words: readonly string[]): string {
  const name = pascal(...words)
  return name.charAt(0).toLowerCase() + name.slice(1)
}

/** Names of types in a document; programs make classes of them, as of `taken`, and so they have to be unlike. */
export function typeNames(types: Iterable<NamedType>, taken: readonly string[]): ReadonlyMap<string, string> {
  const classes = new Set(taken.map((name) => pascal(name)))
  const words = Array.from(types, ({ name }) => name)
  const plain = new Map(words.map((name) => [classes.has(name) ? `${name}Type` : name, name]))
  const names = identifiersFor([...plain.keys()], classes)
  return new Map(Array.from(plain, ([word, name]) => [name, names.get(word)!]))
}
