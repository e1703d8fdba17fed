// Joins a room and waits for the agent, so that a person can write and speak with it.

const NO_AGENT_AFTER_MS = 10_000; // then the page says what to do

const STATUS = {
  apart: 'Join a room, and the agent joins too.',
  connecting: 'Connecting …',
  waiting: 'You are in the room. Waiting for the agent …',
  here: 'The agent is here.',
};
// LiveKit's reasons for a disconnect.
const ENDED = {
  ROOM_DELETED: 'The room was closed.',
  PARTICIPANT_REMOVED: 'You were removed from the room.',
  DUPLICATE_IDENTITY: 'Somebody else joined with your identity.',
};
const LOST = 'The connection is lost.';
// The agent's attribute lk.agent.state.
const DOING = {
  initializing: 'The agent is here and getting ready.',
  listening: 'The agent is here and listening.',
  thinking: 'The agent is thinking …',
  speaking: 'The agent is speaking.',
};

const element = (id) => document.getElementById(id);
const join = element('join');
const chat = element('chat');
const microphone = element('microphone');

join.elements.room.value = new URLSearchParams(location.search).get('room') ?? '';

let room; // undefined outside of a call
let noAgentTimer;
let lines; // the elements of the log, by message id

join.addEventListener('submit', async (event) => {
  event.preventDefault();
  showProblem('');
  show('connecting');
  try {
    await enter(new FormData(join));
    if (event.submitter?.name === 'talk') await switchMicrophone(true);
  } catch (error) {
    showProblem(error.message);
    leave();
  }
});

chat.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = chat.elements.text.value.trim();
  if (!text) return;
  await attempt('Your message was not sent', async () => {
    const { id } = await room.localParticipant.sendText(text, { topic: 'lk.chat' });
    write(id, room.localParticipant.identity, text);
    chat.reset();
  });
});

microphone.addEventListener('click', () => {
  showProblem('');
  switchMicrophone(!room.localParticipant.isMicrophoneEnabled);
});

element('devices').addEventListener('change', ({ target }) =>
  attempt('This microphone does not work', () =>
    room.switchActiveDevice('audioinput', target.value),
  ),
);
navigator.mediaDevices?.addEventListener('devicechange', showDevices);

element('leave').addEventListener('click', leave);

element('copy').hidden = !navigator.clipboard; // missing on pages that are not on https:// or localhost
element('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(element('command').textContent);
  element('copy').textContent = 'Copied';
});

async function enter(form) {
  if (!window.LivekitClient) {
    throw new Error('livekit-client could not be loaded from cdn.jsdelivr.net: is it blocked here?');
  }
  const { server_url, participant_token } = await fetchToken(form);
  const { Room, RoomEvent, Track } = LivekitClient;
  room = new Room();
  lines = new Map();
  element('log').replaceChildren();
  element('no-agent-title').textContent = 'No agent has come';
  const stopMetering = new Map(); // by track
  room
    .on(RoomEvent.ParticipantConnected, showAgent)
    .on(RoomEvent.ParticipantDisconnected, showAgent)
    .on(RoomEvent.ParticipantAttributesChanged, showAgent)
    .on(RoomEvent.TrackSubscribed, (track) => {
      if (track.kind !== Track.Kind.Audio) return;
      document.body.append(track.attach());
      const sphere = element('agent').style;
      stopMetering.set(track, meter(track, (volume) => sphere.setProperty('--level', volume)));
    })
    .on(RoomEvent.TrackUnsubscribed, (track) => {
      track.detach().forEach((sound) => sound.remove());
      stopMetering.get(track)?.();
    })
    .on(RoomEvent.LocalTrackPublished, ({ track }) => {
      const measure = () => {
        stopMetering.get(track)?.();
        stopMetering.set(track, meter(track, showLevel));
      };
      measure();
      track.on(LivekitClient.TrackEvent.Restarted, measure); // on another microphone
      showMicrophone();
    })
    .on(RoomEvent.LocalTrackUnpublished, ({ track }) => stopMetering.get(track)())
    .on(RoomEvent.TrackMuted, showMicrophone)
    .on(RoomEvent.TrackUnmuted, showMicrophone)
    .on(RoomEvent.SignalReconnecting, showReconnecting)
    .on(RoomEvent.Reconnecting, showReconnecting)
    .on(RoomEvent.Reconnected, showAgent)
    .on(RoomEvent.Disconnected, onDisconnected);
  // Text arrives in pieces; a later stream of the same segment replaces the earlier one.
  const read = async (reader, { identity }) => {
    const segment = reader.info.attributes?.['lk.segment_id'] ?? reader.info.id;
    let text = '';
    for await (const piece of reader) {
      text += piece;
      if (room) write(segment, identity, text);
    }
  };
  room.registerTextStreamHandler('lk.transcription', read);
  room.registerTextStreamHandler('lk.chat', read);
  try {
    await room.connect(server_url, participant_token);
  } catch (error) {
    throw new Error(`LiveKit cannot be reached: ${error.message}`);
  }
  room.startAudio().catch(() => showProblem('The browser blocks sound: allow it for this page.'));
  element('command').textContent = `uv run python -m app.doctor --room=${quoted(room.name)}`;
  showAgent();
}

/** Turns the microphone on or off; the browser asks the person first. */
async function switchMicrophone(on) {
  if (!navigator.mediaDevices) {
    showProblem('The browser allows a microphone only on https:// or on localhost.');
    return;
  }
  await attempt('The microphone could not be switched', async () => {
    await room.localParticipant.setMicrophoneEnabled(on);
    await showDevices();
  });
}

async function attempt(problem, work) {
  try {
    await work();
  } catch (error) {
    showProblem(`${problem}: ${error.message}`);
  }
}

/** Lists the microphones, if there are several. The browser names them once it may use one. */
async function showDevices() {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter(
    ({ kind, label }) => kind === 'audioinput' && label,
  );
  element('devices').replaceChildren(...devices.map((d) => new Option(d.label, d.deviceId)));
  element('devices').value = room?.getActiveDevice('audioinput');
  element('devices').hidden = devices.length < 2;
}

/** Gets a token from the token backend, or throws its error. */
async function fetchToken(form) {
  const key = String.fromCharCode(...new TextEncoder().encode(form.get('key'))); // headers carry bytes
  const answer = await fetch('token', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(key && { Authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ room_name: form.get('room'), participant_name: form.get('name') }),
  }).catch(() => {
    throw new Error('The token backend does not answer.');
  });
  if (answer.ok) return answer.json();
  if (answer.status === 401) {
    element('key').hidden = false;
    throw new Error(key ? 'That key is not accepted.' : 'Enter the access key, or your sign-in token.');
  }
  const { detail } = await answer.json().catch(() => ({}));
  throw new Error(detail ?? `The token backend answered with HTTP status ${answer.status}.`);
}

/** Shows whether the agent is in the room, and its state. */
function showAgent() {
  if (!room) return; // already left
  const others = [...room.remoteParticipants.values()];
  // An avatar is also listed as an agent.
  const agent = others.find((p) => p.isAgent && !p.attributes['lk.publish_on_behalf']);
  if (agent) element('no-agent-title').textContent = 'The agent has gone';
  show(agent ? 'here' : 'waiting', DOING[agent?.attributes['lk.agent.state']]);
}

function show(state, words = STATUS[state]) {
  if (element('status').textContent !== words) element('status').textContent = words;
  if (document.body.dataset.state === state) return;
  document.body.dataset.state = state;
  join.hidden = state !== 'apart';
  element('call').hidden = state === 'apart' || state === 'connecting';
  chat.hidden = state !== 'here';
  if (!document.activeElement.checkVisibility() || document.activeElement === document.body) {
    // The focused element is gone: focus what the person needs next.
    ({ here: chat.elements.text, apart: join.elements.join })[state]?.focus();
  }
  element('no-agent').hidden = true;
  clearTimeout(noAgentTimer);
  if (state === 'waiting') {
    noAgentTimer = setTimeout(() => (element('no-agent').hidden = false), NO_AGENT_AFTER_MS);
  }
}

function showProblem(problem) {
  element('problem').textContent = problem;
  element('problem').hidden = !problem;
}

/** Adds a message to the log, or updates the one with this `id`. */
function write(id, identity, text) {
  const log = element('log');
  if (!lines.has(id)) {
    const mine = identity === room.localParticipant.identity;
    const speaker = room.getParticipantByIdentity(identity);
    const line = document.createElement('li');
    line.className = mine ? 'mine' : '';
    const name = document.createElement('b');
    // A speaker whom LiveKit has not announced yet is the agent with its greeting.
    name.textContent = mine ? 'You' : (speaker?.isAgent ?? true) ? 'Agent' : speaker.name || 'Guest';
    const words = document.createElement('p');
    line.append(name, words);
    lines.set(id, words);
    log.append(line);
  }
  lines.get(id).textContent = text;
  log.scrollTop = log.scrollHeight;
}

function showMicrophone() {
  microphone.setAttribute('aria-pressed', room?.localParticipant.isMicrophoneEnabled ?? false);
}

function showLevel(volume) {
  element('level').value = room?.localParticipant.isMicrophoneEnabled ? volume : 0;
}

/** Calls `show` with the volume of `track`, 0 to 1. Returns a function that stops it. */
function meter(track, show) {
  const { calculateVolume, cleanup } = LivekitClient.createAudioAnalyser(track);
  let frame;
  const draw = () => {
    show(calculateVolume());
    frame = requestAnimationFrame(draw);
  };
  draw();
  return () => {
    cancelAnimationFrame(frame);
    show(0);
    cleanup();
  };
}

/** Quotes `text` for a shell, without control characters, which a terminal could act on. */
function quoted(text) {
  return `'${text.replaceAll(/\p{Cc}/gu, '').replaceAll("'", `'\\''`)}'`;
}

function leave() {
  const left = room;
  room = undefined;
  left?.disconnect();
  document.querySelectorAll('audio').forEach((sound) => sound.remove());
  showMicrophone();
  show('apart');
}

function showReconnecting() {
  show(document.body.dataset.state, `${LOST} Reconnecting …`);
}

function onDisconnected(reason) {
  if (!room) return; // left on purpose
  showProblem(ENDED[LivekitClient.DisconnectReason[reason]] ?? LOST);
  leave();
}
