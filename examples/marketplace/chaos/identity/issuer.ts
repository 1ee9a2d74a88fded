/** An issuer of tokens: shows its keys over HTTP, and gives a token signed with one of them to whoever asks. Words: port, then ids of keys. */
import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import { say } from '../../voice.ts'
import { AUDIENCE } from './gateway.ts'

const [port = '0', ...ids] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`

/** The same key for the same id, whenever it is started: an issuer keeps its keys. */
function keyOf(id: string): KeyObject {
  const seed = createHash('sha256').update(`a key for chaos: ${id}`).digest()
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function tokenOf(id: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: AUDIENCE, sub: 'ana', client_id: 'app', scope: 'orders:read', iat: now, exp: now + 3_600 }
  const text = `${part({ alg: 'EdDSA', typ: 'at+jwt', kid: id })}.${part(claims)}`
  return `${text}.${sign(null, Buffer.from(text), keyOf(id)).toString('base64url')}`
}

const server = createServer((request, response) => {
  const [, what = '', id = ''] = (request.url ?? '').split('/')
  if (what === 'token') return void response.end(tokenOf(id))
  response.setHeader('content-type', 'application/json')
  if (what === '.well-known') return void response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/jwks` }))
  const keys = ids.map((kid) => ({ ...createPublicKey(keyOf(kid)).export({ format: 'jwk' }), kid, use: 'sig', alg: 'EdDSA' }))
  response.end(JSON.stringify({ keys }))
})
server.listen(Number(port), '127.0.0.1', () => say('ready'))
