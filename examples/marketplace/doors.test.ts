import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphqlDocument } from '@dure/graphql'
import { protoDocument } from '@dure/grpc'
import { wsdlDocument } from '@dure/soap'
import { thriftDocument } from '@dure/thrift'
import { everyDoor } from './interop/every-door.ts'
import { federation, links } from './interop/graph.ts'
import system from './system.ts'

const contracts = system.services.map(({ contract }) => contract)

// A field without its number in numbers.json is refused, with the command that writes it.
test('every protocol takes all contracts, and has a document of them', () => {
  assert.equal(contracts.length, 9)
  assert.match(thriftDocument(contracts), /^service Cart \{/m)
  assert.match(graphqlDocument(contracts), /^ {2}cartGet\(customerId: Int!\)/m)
  assert.match(wsdlDocument(contracts), /targetNamespace="urn:dure:cart:1"/)
  for (const contract of contracts) assert.match(protoDocument(contract).text, /^service \w+Service \{/m)
  assert.deepEqual(
    everyDoor().map(({ name }) => name),
    ['rest', 'graphql', 'grpc', 'soap', 'thrift', 'socket'],
  )
})

test('each contract is a part of one graph, which knows customers and products by their keys', () => {
  const texts = new Map(
    contracts.map((one) => [one.name, graphqlDocument([one], { links: links[one.name] ?? {}, federation })] as const),
  )
  assert.match(texts.get('cart')!, /^type Product @key\(fields: "sellerId productId", resolvable: false\) \{$/m)
  assert.match(texts.get('product')!, /^type Product @key\(fields: "sellerId productId"\) \{$/m)
  assert.match(texts.get('order')!, /^ {2}customer: Customer$/m)
})
