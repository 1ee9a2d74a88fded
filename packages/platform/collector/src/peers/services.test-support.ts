/** A service in Java with OpenTelemetry's agent, and rsyslog: they tell the collector of themselves. */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '@dure/testing/servers'
import { listening, program } from './child.test-support.ts'

export type Service = { readonly port: number; readonly stop: () => Promise<void> }

/** @param url of the collector */
export async function startWarehouse(folder: string, url: string): Promise<Service> {
  const settings = {
    'otel.service.name': 'warehouse',
    'otel.resource.attributes': 'service.version=1.4',
    'otel.exporter.otlp.endpoint': url,
    'otel.bsp.schedule.delay': '100',
    'otel.blrp.schedule.delay': '100',
  }
  const { child, stop } = program(
    [
      ...['java', `-javaagent:${join(folder, 'lib/opentelemetry-javaagent-2.33.1.jar')}`, '-Xmx128m'],
      ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
      ...['-cp', join(folder, 'classes'), 'Warehouse'],
    ],
    // It says on its output of errors what it tells the collector.
    { how: 'input', quiet: true },
  )
  const [port] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return { port: Number(port), stop }
}

/** @param collector its port */
export async function startRsyslog(
  folder: string,
  { directory, collector }: { readonly directory: string; readonly collector: number },
): Promise<Service> {
  const port = await freePort()
  const library = join(folder, 'root/usr/lib/x86_64-linux-gnu')
  mkdirSync(directory, { recursive: true })
  const running = program(
    [
      ...[join(folder, 'root/usr/sbin/rsyslogd'), '-n', '-f', join(folder, 'rsyslog.conf')],
      ...['-i', join(directory, 'pid'), '-M', join(library, 'rsyslog')],
    ],
    {
      env: {
        LD_LIBRARY_PATH: library,
        ...{ SYSLOG_FOLDER: directory, SYSLOG_PORT: String(port), COLLECTOR_PORT: String(collector) },
      },
    },
  )
  await listening(running, port)
  return { port, stop: running.stop }
}
