"""What a file and its repository say: classes, names, bases, marks, settings, mocks."""
