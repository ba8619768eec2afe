import { fastify } from 'fastify'

// The limit of starts and requests: the HTTP library alone, saying hello.
const app = fastify()
app.post('/', async () => ({ hello: 'world' }))
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`)
