package tokenshare;

import java.util.List;
import org.springframework.ai.chat.model.ChatModel;
import org.springframework.ai.chat.prompt.Prompt;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** Asks Spring AI's models: plainly, streamed, with cached tokens, in vain. */
@SpringBootApplication
public class Ask {
    private static final String PLAIN = "How does a quantum computer work?";
    private static final String CACHED = PLAIN + " This text is cached.";

    public static void main(String[] args) {
        var application = new SpringApplication(Ask.class);
        application.setWebApplicationType(WebApplicationType.NONE);
        try (var context = application.run(args)) {
            for (var model : context.getBeansOfType(ChatModel.class).values()) {
                ask(model);
            }
            context.getBean(EmbeddingModel.class).embed(PLAIN);
        }
        // The clients' threads live for a minute.
        System.exit(0);
    }

    private static void ask(ChatModel model) {
        model.call(new Prompt(PLAIN));
        model.call(new Prompt(CACHED));
        model.stream(new Prompt(PLAIN)).blockLast();
        // On Anthropic, Spring AI says nothing of a stream's cache.
        if (model.getClass().getSimpleName().startsWith("OpenAi")) {
            model.stream(new Prompt(CACHED)).blockLast();
        }
        try {
            model.call(new Prompt("This will fail."));
        } catch (RuntimeException expected) {
            System.err.println(expected.getMessage());
        }
    }
}
