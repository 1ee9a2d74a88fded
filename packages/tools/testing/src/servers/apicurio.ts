import { join } from 'node:path'
import { java, type Recipe } from './recipe.ts'

/** Apicurio, a registry of schemas that speaks the API of Confluent's too (`apis/ccompat/v7`). It keeps them in memory. */
export const apicurio: Recipe = {
  version: '2.6.13',
  program: 'apicurio-registry-app-2.6.13.Final-runner.jar',
  ports: ['http'],
  launch: ({ programs, directory, ports, settings }) => ({
    ...java([
      '-Xmx384m',
      '-Dquarkus.http.host=127.0.0.1',
      `-Dquarkus.http.port=${ports['http']}`,
      ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`),
      '-jar',
      join(programs, apicurio.program),
    ]),
    folder: directory,
  }),
  url: ({ ports }) => `http://127.0.0.1:${ports['http']}`,
  ready: /Listening on: http/,
}
