// A token backend after LiveKit's documentation, in Express.
import { randomUUID } from 'node:crypto';
import { RoomConfiguration } from '@livekit/protocol';
import express from 'express';
import { AccessToken } from 'livekit-server-sdk';

const app = express();
app.use(express.json());

app.post('/token', async (request, response) => {
  const body = request.body;
  const token = new AccessToken(process.env.LIVEKIT_API_KEY, process.env.LIVEKIT_API_SECRET, {
    identity: body.participant_identity || `person-${randomUUID()}`,
    name: body.participant_name || '',
    metadata: body.participant_metadata || '',
    attributes: body.participant_attributes || {},
  });
  token.addGrant({ roomJoin: true, room: body.room_name || `room-${randomUUID()}` });
  if (body.room_config) {
    token.roomConfig = RoomConfiguration.fromJson(body.room_config);
  }
  response.status(201).json({
    server_url: process.env.LIVEKIT_URL,
    participant_token: await token.toJwt(),
  });
});

app.listen(Number(process.env.PORT), '127.0.0.1');
