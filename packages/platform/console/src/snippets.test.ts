import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { commandLine, curl, quoted, requestOf, typeScript } from './snippets.ts'

const find = {
  service: 'order-lines',
  operation: 'find',
  kind: 'query',
  routes: ['GET /orders/{id}/lines'],
  access: 'authenticated',
}
const place = {
  service: 'orders',
  operation: 'place',
  kind: 'command',
  routes: ['POST /customers/{customer}/orders', 'POST /orders'],
}

test('fields are where the route has them: path, query or body', () => {
  assert.deepEqual(requestOf(find, { id: 'a/b', tags: ['x', 'y z'], count: 3 }), {
    ...{ method: 'GET', path: '/orders/a%2Fb/lines?tags=x&tags=y%20z&count=3', body: undefined },
  })
  assert.deepEqual(requestOf(place, { customer: 7, lines: [{ sku: 's' }] }), {
    ...{ method: 'POST', path: '/customers/7/orders', body: '{"lines":[{"sku":"s"}]}' },
  })
  assert.equal(requestOf(place, { customer: 7 })?.body, undefined)
  assert.equal(requestOf({ ...place, routes: [] }, {}), undefined)
  assert.equal(curl(find, { id: '1' }), 'curl "$URL"/orders/1/lines -H "authorization: Bearer $TOKEN"')
  assert.equal(commandLine(place, {}), 'npx dure call orders.place')
  assert.equal(
    typeScript(find, { id: "it's" }),
    "// needs: { orderLines: OrderLines }\nconst answer = await orderLines.find({ id: 'it\\'s' })",
  )
  assert.match(typeScript({ ...find, kind: 'stream' }, undefined), /for await \(const value of orderLines\.find\(\)\)/)
})

test('whatever is given is one word of a shell, and the same value in TypeScript', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const input = { value, "it's": 'a "b" $HOME `id` \n', odd: JSON.parse('{ "__proto__": { "a": 1 } }') as unknown }
      const code = typeScript(place, input).split('await orders.place(')[1]!.slice(0, -1)
      const read: unknown = new Function(`return (${code})`)()
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(input)))
    }),
  )
  const words = ["it's", '$HOME `id` "x"', 'a\nb', '-n', '한글']
  const said = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(quoted).join(' ')}`], { encoding: 'utf8' })
  assert.deepEqual(said.split('\0').slice(0, -1), words)
})
