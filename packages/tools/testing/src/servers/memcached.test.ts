import { serverTests, talk } from './life.test-support.ts'

serverTests('memcached', {
  write: async ({ port }) => void (await talk(port, 'set order 0 0 5\r\nfirst\r\n', /\n/)),
  read: async ({ port }) => (await talk(port, 'get order\r\n', /END/)).includes('first'),
  forgets: true,
})
