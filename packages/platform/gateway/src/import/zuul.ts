/** Routes of Zuul. */
import { arranged, freeName, targetOf, type Draft, type Drafts, type ImportNote } from './routes.ts'
import { pathOf } from './predicates.ts'
import { at, take, takeList, type Setting } from './settings.ts'
import { millisecondsOf } from './spring.ts'

/** What Zuul does not hand on unless it is told to. */
const SENSITIVE = ['Cookie', 'Set-Cookie', 'Authorization']

export function zuulRoutes(root: Setting, note: (note: ImportNote) => void): Drafts {
  const upstreams: Record<string, object> = {}
  const names: Record<string, true> = {}
  const drafts: Draft[] = []
  const common = {
    prefix: (take(root, 'zuul.prefix') ?? '').replace(/\/$/, ''),
    strip: take(root, 'zuul.strip-prefix') !== 'false',
    sensitive: takeList(root, 'zuul.sensitive-headers') ?? SENSITIVE,
    keepHost: take(root, 'zuul.add-host-header') === 'true',
    timeout: millisecondsOf(take(root, 'zuul.host.socket-timeout-millis')),
  }
  // Services are no routes here unless they are written down.
  take(root, 'zuul.ignored-services')
  takeList(root, 'zuul.ignored-services')
  for (const setting of at(root, 'zuul.routes')?.children.values() ?? []) {
    const { name: id, line } = setting
    const what = `route "${id}"`
    const leave = (why: string): void => note({ line, is: 'left out', what, why })
    setting.used = true
    const given = setting.text ?? take(setting, 'path') ?? `/${id}/**`
    const url = take(setting, 'url')
    const service = take(setting, 'service-id') ?? id
    const strips = take(setting, 'strip-prefix') !== 'false'
    const sensitive = takeList(setting, 'sensitive-headers') ?? common.sensitive
    const retryable = take(setting, 'retryable')
    take(setting, 'id')
    take(setting, 'custom-sensitive-headers')
    const path = given.startsWith('/') ? given : `/${given}`
    const asked = pathOf(`${common.prefix}${path}`)
    if (typeof asked === 'string') {
      leave(`its path ${asked}`)
      continue
    }
    const target = targetOf(url === undefined ? `lb://${service}` : url)
    if (typeof target === 'string') {
      leave(`its url ${target}`)
      continue
    }
    const literal = path.replace(/\/?[*{].*$/, '')
    const without = `${common.strip ? common.prefix : ''}${strips ? literal : ''}`
    if (strips && !common.strip && common.prefix !== '' && literal !== '') {
      leave('it strips what stands in the middle of its path, behind zuul.prefix')
      continue
    }
    const before = target.path ?? ''
    const removed = Object.fromEntries(sensitive.map((name) => [name.toLowerCase(), false]))
    const host = target.host !== undefined && !common.keepHost ? { host: target.host } : {}
    const request = { ...removed, ...host }
    if (target.options !== undefined) upstreams[target.upstream] = target.options
    const name = freeName(id, names)
    names[name] = true
    const filters = [
      ...(without !== '' || before !== ''
        ? [{ rewrite: { ...(without !== '' && { without }), ...(before !== '' && { before }) } }]
        : []),
      ...(Object.keys(request).length > 0 ? [{ headers: { request, ...(sensitive.length > 0 && { answer: removed }) } }] : []),
    ]
    const route = {
      ...asked,
      to: target.upstream,
      ...(common.timeout !== undefined && { timeout: common.timeout }),
      ...(retryable === 'false' && { attempts: 1 }),
      ...(filters.length > 0 && { filters }),
    }
    drafts.push({ name, line, route: route as unknown as Draft['route'] })
  }
  return { routes: arranged(drafts, note), upstreams }
}
