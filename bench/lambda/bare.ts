/** The same answer by a handler of a few lines, on the same loop of the Runtime API. */
import { serveLambda, type LambdaHandler } from '@dure/lambda'

const handler = async (event: unknown) => {
  const { rawPath } = event as { readonly rawPath: string }
  const [, , name = ''] = rawPath.split('/')
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  return { statusCode: 200, headers, cookies: [], body: JSON.stringify(`Hello, ${name}`), isBase64Encoded: false }
}
const nothing = async (): Promise<void> => {}

await serveLambda(Object.assign(handler, { ready: nothing, stop: nothing }) satisfies LambdaHandler)
