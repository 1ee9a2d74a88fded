/** WSDL 1.1 of contracts: document/literal wrapped, a port for SOAP 1.1 and one for 1.2. */
import type { AnyContract } from 'dure/contract'
import { identifiersFor, pascal } from 'dure/contract/internal'
import { documentText, draw, drawText, type Drawn } from './element.ts'
import { modelOf, type SoapModel, type SoapOperation } from './model.ts'
import { schemaOf } from './xsd.ts'

const WSDL = 'http://schemas.xmlsoap.org/wsdl/'
const BINDINGS = [
  { prefix: 'soap', suffix: 'Soap', uri: 'http://schemas.xmlsoap.org/wsdl/soap/' },
  { prefix: 'soap12', suffix: 'Soap12', uri: 'http://schemas.xmlsoap.org/wsdl/soap12/' },
] as const
const HTTP = 'http://schemas.xmlsoap.org/soap/http'

export type WsdlOptions = {
  /** Where a contract is served. Default: `http://localhost:8091/soap/orders`. */
  readonly addressOf?: (contract: AnyContract) => string
  /** Default: `urn:dure:orders:1`, with the contract's name and major version. */
  readonly namespaceOf?: (contract: AnyContract) => string
}

/**
 * Draws the WSDL of contracts, with their types in it.
 * @throws {TypeError} for what SOAP could not tell apart
 *
 * @example
 * ```ts
 * import { wsdlDocument } from '@dure/soap'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * console.log(/type="xsd:dateTime"/.test(wsdlDocument([Clock]))) // → true
 * ```
 */
export function wsdlDocument(contracts: readonly AnyContract[], options: WsdlOptions = {}): string {
  const { addressOf = ({ name }) => `http://localhost:8091/soap/${name}`, namespaceOf } = options
  return wsdlOf(
    contracts.map((contract) => ({ model: modelOf(contract, namespaceOf?.(contract)), address: addressOf(contract) })),
  )
}

export type Addressed = { readonly model: SoapModel; readonly address: string }

export function wsdlOf(served: readonly Addressed[]): string {
  const models = served.map(({ model }) => model)
  const own = models.length === 1 ? models[0]!.namespace : 'urn:dure:services'
  const drawn = served.map((one, at) => portOf(one, { prefix: `n${at + 1}`, several: models.length > 1 }))
  return documentText(
    draw(
      'wsdl:definitions',
      {
        ...{ 'xmlns:wsdl': WSDL, 'xmlns:wsdlns': own, targetNamespace: own },
        ...Object.fromEntries(BINDINGS.map(({ prefix, uri }) => [`xmlns:${prefix}`, uri])),
        ...Object.fromEntries(models.map(({ namespace }, at) => [`xmlns:n${at + 1}`, namespace])),
      },
      draw('wsdl:types', {}, ...models.map(schemaOf)),
      ...drawn.flatMap(({ messages }) => messages),
      ...drawn.map(({ portType }) => portType),
      ...drawn.flatMap(({ bindings }) => bindings),
      ...drawn.map(({ service }) => service),
    ),
  )
}

type Ported = {
  readonly messages: readonly Drawn[]
  readonly portType: Drawn
  readonly bindings: readonly Drawn[]
  readonly service: Drawn
}

function portOf({ model, address }: Addressed, { prefix, several }: { prefix: string; several: boolean }): Ported {
  const { contract, namespace, operations } = model
  const port = pascal(contract.name)
  const faults = new Map(operations.flatMap((one) => one.faults.map((fault) => [fault.element, fault] as const)))
  const words = [
    ...operations.flatMap(({ element, answer }) => [element, answer]),
    ...Array.from(faults.keys(), (element) => element.replace(/Fault(?=_?\d*$)/, '')),
  ]
  const names = [...identifiersFor(words.map((word, at) => (words.indexOf(word) === at ? word : `${word}Fault`))).values()]
  const called = (at: number): string => (several ? port : '') + names[at]!
  const faultAt = [...faults.keys()]
  const faultMessage = (element: string): string => called(operations.length * 2 + faultAt.indexOf(element))
  const message = (name: string, part: string, element: string): Drawn =>
    draw('wsdl:message', { name }, draw('wsdl:part', { name: part, element: `${prefix}:${element}` }))

  const abstract = ({ element, faults: own, types }: SoapOperation, at: number): Drawn => {
    const { description } = types.operation
    return draw(
      'wsdl:operation',
      { name: element },
      description === undefined ? undefined : drawText('wsdl:documentation', description),
      draw('wsdl:input', { message: `wsdlns:${called(at * 2)}` }),
      draw('wsdl:output', { message: `wsdlns:${called(at * 2 + 1)}` }),
      ...own.map((fault) => draw('wsdl:fault', { name: fault.element, message: `wsdlns:${faultMessage(fault.element)}` })),
    )
  }
  const binding = ({ prefix: soap, suffix }: (typeof BINDINGS)[number]): Drawn =>
    draw(
      'wsdl:binding',
      { name: `${port}${suffix}`, type: `wsdlns:${port}` },
      draw(`${soap}:binding`, { style: 'document', transport: HTTP }),
      ...operations.map(({ element, faults: own }) =>
        draw(
          'wsdl:operation',
          { name: element },
          draw(`${soap}:operation`, { soapAction: actionOf(namespace, element), style: 'document' }),
          draw('wsdl:input', {}, draw(`${soap}:body`, { use: 'literal' })),
          draw('wsdl:output', {}, draw(`${soap}:body`, { use: 'literal' })),
          ...own.map((fault) =>
            draw('wsdl:fault', { name: fault.element }, draw(`${soap}:fault`, { name: fault.element, use: 'literal' })),
          ),
        ),
      ),
    )
  return {
    messages: [
      ...operations.flatMap(({ element, answer }, at) => [
        message(called(at * 2), 'parameters', element),
        message(called(at * 2 + 1), 'parameters', answer),
      ]),
      ...Array.from(faults.keys(), (element) => message(faultMessage(element), 'fault', element)),
    ],
    portType: draw('wsdl:portType', { name: port }, ...operations.map(abstract)),
    bindings: BINDINGS.map(binding),
    service: draw(
      'wsdl:service',
      { name: `${port}Service` },
      ...BINDINGS.map(({ prefix: soap, suffix }) =>
        draw(
          'wsdl:port',
          { name: `${port}${suffix}`, binding: `wsdlns:${port}${suffix}` },
          draw(`${soap}:address`, { location: address }),
        ),
      ),
    ),
  }
}

export const actionOf = (namespace: string, element: string): string => `${namespace}#${element}`
