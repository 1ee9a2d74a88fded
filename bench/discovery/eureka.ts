/** What a client of any Eureka server says, over connections that are kept. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 16 })

export type Instance = { readonly app: string; readonly instanceId: string }

export function instanceOf(app: string, id: string, lease: { readonly heartbeat: number; readonly seconds: number }): Instance {
  return {
    ...{ instanceId: id, app, hostName: '127.0.0.1', ipAddr: '127.0.0.1', vipAddress: app.toLowerCase(), status: 'UP' },
    ...{ port: { $: 7_000, '@enabled': 'true' }, securePort: { $: 0, '@enabled': 'false' }, countryId: 1 },
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: Math.ceil(lease.heartbeat / 1_000), durationInSecs: lease.seconds },
    metadata: { zone: 'a', version: '1.0.0' },
  } as Instance
}

export async function register(url: string, instance: Instance): Promise<void> {
  await say('POST', `${url}/apps/${instance.app}`, JSON.stringify({ instance }))
}

export const put = (path: string): Promise<void> => say('PUT', path)

async function say(method: 'POST' | 'PUT', url: string, body?: string): Promise<void> {
  const headers = { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) }
  const asked = request(url, { method, agent, headers })
  asked.end(body)
  const [answer] = (await once(asked, 'response')) as [
    { readonly statusCode: number; readonly resume: () => void } & NodeJS.EventEmitter,
  ]
  answer.resume()
  await once(answer, 'end')
  if (answer.statusCode >= 300) throw new Error(`The registry answered ${answer.statusCode} to ${method} ${url}`)
}
